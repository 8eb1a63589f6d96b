//! What a crash can leave, found and taken back; what was damaged, named.

use super::prune::{entries, remove_file};
use super::{Store, lock};
use crate::model::digest::Digest;
use crate::model::id::ContainerId;
use crate::model::lifecycle::Phase;
use crate::model::name::Name;
use anyhow::Result;
use nix::fcntl::{Flock, FlockArg};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Something that a crash or a bug left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// What it is, one line: "half-made layer staging/…".
    pub what: String,
    /// Whether it was put right.
    pub healed: bool,
}

/// What `check` found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// In the order found.
    pub leftovers: Vec<Leftover>,
}

impl Report {
    /// Adds what was found; `repair` puts it right, when that is wanted.
    fn found(&mut self, what: String, repair: Option<impl FnOnce() -> Result<()>>) {
        let healed = match repair.map(|repair| repair()) {
            Some(Ok(())) => true,
            Some(Err(error)) => {
                log::warn!("{what}: {error:#}");
                false
            }
            None => false,
        };
        self.leftovers.push(Leftover { what, healed });
    }

    /// Whether everything that was found was put right.
    pub fn is_clean(&self) -> bool {
        self.leftovers.iter().all(|leftover| leftover.healed)
    }
}

impl Store {
    /// Looks for leftovers and damage; with `repair`, puts it right. `thorough` reads every layer's files too.
    pub fn check(&self, repair: bool, thorough: bool) -> Result<Report> {
        let mut report = Report::default();
        self.check_half_made(repair, &mut report)?;
        self.check_containers(repair, &mut report)?;
        self.check_names(repair, &mut report)?;
        self.check_temporary(repair, &mut report)?;
        // While somebody pulls or creates, what nothing refers to yet is not garbage.
        if let Some(_lock) = self.lock_garbage()? {
            for garbage in self.garbage()? {
                let what = format!("{}: nothing refers to it", garbage.what);
                report.found(what, repair.then_some(|| self.discard(&garbage.path)));
            }
            self.check_images(repair, thorough, &mut report)?;
        }
        if repair {
            self.keep_reserve();
        }
        Ok(report)
    }

    /// Layers whose unpacker died, everything staged in another boot, and removals that were cut short.
    fn check_half_made(&self, repair: bool, report: &mut Report) -> Result<()> {
        for (dir, word) in [(self.layout.staging(), "half-made layer"), (self.layout.trash(), "half-removed")] {
            for (name, path) in entries(&dir)? {
                let staged = name.strip_suffix(&self.boot_id).and_then(|rest| rest.strip_suffix('.'));
                let whole = staged.is_some_and(|key| key.len() == 64);
                if whole || is_at_work(&path) || self.is_still_run_on(&name).unwrap_or(true) {
                    continue;
                }
                let folder = dir.file_name().unwrap_or_default().display();
                let what = format!("{word} {folder}/{name}");
                report.found(what, repair.then_some(|| super::tree::remove(&path)));
            }
        }
        Ok(())
    }

    fn check_containers(&self, repair: bool, report: &mut Report) -> Result<()> {
        for (name, path) in entries(&self.layout.containers())? {
            let Ok(id) = name.parse::<ContainerId>() else {
                report.found(format!("containers/{name}: not a container"), repair.then_some(|| self.discard(&path)));
                continue;
            };
            match self.read_container(&id, true) {
                Ok(Some(container)) if !matches!(container.phase, Phase::Creating | Phase::Removing) => {}
                Ok(_) if is_at_work(&path) => {}
                Ok(container) => {
                    let why = if container.is_some() { "half-made or half-removed" } else { "no record" };
                    let what = format!("container {}: {why}", id.short());
                    report.found(what, repair.then_some(|| self.heal_container(&id).map(drop)));
                }
                // Somebody's data: named, not removed.
                Err(error) => {
                    let what = format!("container {}: {error:#}", id.short());
                    report.found(what, None::<fn() -> Result<()>>);
                }
            }
        }
        let records = entries(&self.layout.run_records())?.into_iter().filter(|(name, _)| name.len() == 64);
        for (name, path) in entries(&self.layout.run_containers())?.into_iter().chain(records) {
            if !self.layout.containers().join(&name).is_dir() && !is_at_work(&path) {
                let what = format!(
                    "run directory of container {}: the container is gone",
                    name.chars().take(12).collect::<String>()
                );
                report.found(what, repair.then_some(|| super::tree::remove(&path)));
            }
        }
        Ok(())
    }

    fn check_names(&self, repair: bool, report: &mut Report) -> Result<()> {
        for (text, path) in entries(&self.layout.names())? {
            let _lock = lock::lock(File::open(self.layout.names())?, FlockArg::LockExclusive)?;
            let holder = text.parse::<Name>().ok().map(|name| (super::names::lookup(self, &name), name));
            let held = match holder {
                Some((Ok(Some(id)), name)) => super::names::holds(self, &id, &name)?,
                _ => false,
            };
            if !held && path.is_symlink() {
                let what = format!("the name {text}: nobody has it");
                report.found(what, repair.then_some(|| remove_file(&path)));
            }
        }
        Ok(())
    }

    /// Files on their way to their name, whose writer is dead: `NAME.PID.tmp`.
    fn check_temporary(&self, repair: bool, report: &mut Report) -> Result<()> {
        let mut dirs =
            vec![self.layout.root().to_path_buf(), self.layout.blobs(), self.layout.known(), self.layout.run_records()];
        for parent in [self.layout.containers(), self.layout.run_containers()] {
            dirs.extend(entries(&parent)?.into_iter().map(|(_, path)| path));
        }
        for dir in dirs {
            // A file in the run directory of containers may have been put there by others.
            for (name, path) in entries(&dir).unwrap_or_default() {
                let pid = name.strip_suffix(".tmp").and_then(|rest| rest.rsplit('.').next()?.parse::<u32>().ok());
                if pid.is_some_and(|pid| !Path::new("/proc").join(pid.to_string()).exists()) {
                    report.found(format!("unfinished file {name}"), repair.then_some(|| super::tree::remove(&path)));
                }
            }
        }
        Ok(())
    }

    fn check_images(&self, repair: bool, thorough: bool, report: &mut Report) -> Result<()> {
        let images = self.images()?;
        let mut read = std::collections::HashSet::new();
        for image in images.iter() {
            for digest in [&image.id, &image.manifest].into_iter().chain(&image.blobs) {
                let path = self.layout.blobs().join(digest.hex());
                match self.blob(digest) {
                    Ok(Some(_)) => {}
                    Ok(None) => damaged(report, image, &format!("blob {digest} is missing")),
                    Err(error) => {
                        damaged(report, image, &format!("{error:#}"));
                        if repair {
                            remove_file(&path)?;
                        }
                    }
                }
            }
            for diff_id in &image.diff_ids {
                match self.layer(diff_id) {
                    Ok(Some(_)) if !thorough || !read.insert(diff_id.clone()) => {}
                    Ok(Some(_)) => {
                        if let Err(error) = self.read_layer(diff_id) {
                            damaged(report, image, &format!("{error:#}"));
                            if repair {
                                self.discard(&self.layout.layer(diff_id))?;
                            }
                        }
                    }
                    Ok(None) => damaged(report, image, &format!("layer {diff_id} is missing")),
                    Err(error) => {
                        damaged(report, image, &format!("layer {diff_id}: {error:#}"));
                        if repair {
                            self.discard(&self.layout.layer(diff_id))?;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn read_layer(&self, diff_id: &Digest) -> Result<()> {
        let mut tar = self.layer_tar(diff_id)?;
        let mut buffer = vec![0; 256 << 10];
        while tar.read(&mut buffer)? > 0 {}
        Ok(())
    }
}

/// Damage is never healed here: the image must be had anew.
fn damaged(report: &mut Report, image: &super::ImageRecord, why: &str) {
    let what = format!("image {}: {why}: pull or load it again", image.id.short());
    report.found(what, None::<fn() -> Result<()>>);
}

/// Whether somebody has a lock on this directory.
fn is_at_work(path: &Path) -> bool {
    File::open(path).is_ok_and(|dir| Flock::lock(dir, FlockArg::LockExclusiveNonblock).is_err())
}
