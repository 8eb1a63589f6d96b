//! Precedence, as a pure function: a flag wins over the environment, which wins over a file, which wins over us.

use super::environment::Caller;
use super::file::Files;
use super::{CgroupManager, Config, Defaults, Environment, Globals};
use crate::fault::Fault;
use anyhow::Result;
use std::path::{Component, Path, PathBuf};

/// Puts together flags, environment and files.
pub fn resolve(globals: &Globals, environment: Environment, caller: Caller, files: Files) -> Result<Config> {
    if let Some(option) = globals.storage_opt.first() {
        return Err(Fault::unsupported(format!("storage option `{option}`: no storage options are built")).into());
    }
    if let Some(dir) = globals.hooks_dir.first() {
        return Err(Fault::unsupported(format!("hooks directory `{}`: OCI hooks are not built", dir.display())).into());
    }
    let home = caller.home.clone().unwrap_or_else(|| PathBuf::from("/"));
    let rootless = caller.uid != 0 || caller.in_user_namespace;
    let default_root = if caller.owns_system {
        PathBuf::from("/var/lib/barge")
    } else {
        environment.path("XDG_DATA_HOME").unwrap_or_else(|| home.join(".local/share")).join("barge")
    };
    let user_run = if caller.owns_system {
        PathBuf::from("/run/barge")
    } else {
        match &caller.runtime_dir {
            Some(dir) => dir.join("barge"),
            None => PathBuf::from(format!("/tmp/barge-{}", caller.uid)),
        }
    };
    let storage = Storage::from_table(&files.storage, caller.owns_system)?;
    let root = match (&globals.root, storage.root) {
        (Some(root), _) => absolute(root)?,
        (None, Some(root)) => absolute(&root)?,
        (None, None) => default_root.clone(),
    };
    let run = match (&globals.runroot, storage.run) {
        (Some(run), _) => absolute(run)?,
        (None, Some(run)) if globals.root.is_none() => absolute(&run)?,
        _ if root != default_root => user_run.join(format!("at-{:08x}", fingerprint(&root))),
        _ => user_run.clone(),
    };
    let driver = match globals.storage_driver.as_deref().or(environment.filled("STORAGE_DRIVER")) {
        Some(text) => Some(text.parse()?),
        // A driver that is another engine's only (btrfs, zfs) is not asked of us.
        None => storage.driver.and_then(|text| text.parse().ok()),
    };
    let (cgroup_manager, no_systemd) = cgroup_manager(globals, &files.containers, &caller)?;
    let config_home = environment.path("XDG_CONFIG_HOME").unwrap_or_else(|| home.join(".config"));
    let docker_config =
        globals.config.clone().or_else(|| environment.path("DOCKER_CONFIG")).unwrap_or_else(|| home.join(".docker"));
    Ok(Config {
        program: globals.program,
        root,
        run,
        user_run,
        tmp: globals.tmpdir.clone().or_else(|| environment.path("TMPDIR")).unwrap_or_else(|| PathBuf::from("/var/tmp")),
        driver,
        rootless,
        uid: caller.uid,
        gid: caller.gid,
        user: caller.name,
        home,
        config_home,
        docker_config,
        cgroup_manager,
        bus: caller.bus,
        no_systemd,
        defaults: Defaults::from_table(&files.containers)?,
        files: files.read,
        environment,
    })
}

/// By flag, by containers.conf, else systemd where it runs the machine and we can talk to it, as podman does. Where it
/// was asked for and can't be had, the second is the reason, and we make cgroups ourselves.
fn cgroup_manager(
    globals: &Globals,
    file: &toml::Table,
    caller: &super::environment::Caller,
) -> Result<(CgroupManager, Option<String>)> {
    let said = file.get("engine").and_then(|engine| engine.get("cgroup_manager")).and_then(toml::Value::as_str);
    let asked: Option<CgroupManager> = match &globals.cgroup_manager {
        Some(text) => Some(text.parse()?),
        None => said.filter(|text| !text.is_empty()).map(str::parse).transpose()?,
    };
    if asked == Some(CgroupManager::Cgroupfs) {
        return Ok((CgroupManager::Cgroupfs, None));
    }
    let why = match (caller.systemd, &caller.bus) {
        (true, Some(_)) => return Ok((CgroupManager::Systemd, None)),
        (true, None) => {
            format!(
                "there is no session of systemd's for this user: log in as this user, or `loginctl enable-linger {}`",
                caller.uid
            )
        }
        (false, _) => "this machine is not run by systemd with cgroups of version 2".to_string(),
    };
    Ok((CgroupManager::Cgroupfs, asked.map(|_| why)))
}

/// What storage.conf means to us.
#[derive(Default)]
struct Storage {
    root: Option<PathBuf>,
    run: Option<PathBuf>,
    driver: Option<String>,
}

impl Storage {
    /// `[storage]` driver, graphroot, runroot; for an ordinary user rootless_storage_path instead of the machine's
    /// graphroot. Where podman keeps its own store by default is not for us: those places count as not set.
    fn from_table(file: &toml::Table, owns_system: bool) -> Result<Storage> {
        let Some(table) = file.get("storage") else { return Ok(Storage::default()) };
        let text = |key: &str| match table.get(key) {
            None => Ok(None),
            Some(toml::Value::String(text)) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
            Some(_) => Err(Fault::invalid(format!("storage.conf: {key} in [storage]: must be a string"))),
        };
        let own = |path: &String| !path.contains("containers/storage") && !path.ends_with("/containers");
        // Variables such as $HOME or $UID in a path: podman expands them, and means its own store.
        let place = |path: Option<String>| path.filter(own).filter(|path| !path.contains('$')).map(PathBuf::from);
        let root = match text("rootless_storage_path")? {
            Some(path) if !owns_system => Some(path),
            _ => text("graphroot")?,
        };
        Ok(Storage { root: place(root), run: place(text("runroot")?), driver: text("driver")? })
    }
}

/// A path given by flag or file, without `.` and `//`.
fn absolute(path: &Path) -> Result<PathBuf> {
    if !path.is_absolute() {
        return Err(Fault::invalid(format!("path `{}`: must be absolute", path.display())).into());
    }
    Ok(path.components().filter(|part| *part != Component::CurDir).collect())
}

/// FNV-1a: names the run directory of a store that is not the default one, the same in every release.
fn fingerprint(path: &Path) -> u32 {
    path.as_os_str()
        .as_encoded_bytes()
        .iter()
        .fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(uid: u32) -> Caller {
        Caller {
            uid,
            gid: uid,
            owns_system: uid == 0,
            home: Some(if uid == 0 { "/root".into() } else { "/home/ann".into() }),
            ..Caller::default()
        }
    }

    fn config(globals: &Globals, environment: Environment, caller: Caller, storage: &str) -> Config {
        let files = Files { storage: storage.parse().expect("TOML"), ..Files::default() };
        resolve(globals, environment, caller, files).expect("it can be resolved")
    }

    #[test]
    fn places_follow_the_user() {
        let none = || Environment::from([]);
        let root = config(&Globals::default(), none(), caller(0), "");
        assert_eq!((root.root, root.run, root.rootless), ("/var/lib/barge".into(), "/run/barge".into(), false));
        let ann = config(&Globals::default(), none(), caller(1000), "");
        assert_eq!(ann.root, Path::new("/home/ann/.local/share/barge"));
        assert_eq!((ann.run, ann.rootless), ("/tmp/barge-1000".into(), true));
        let with_session = Caller { runtime_dir: Some("/run/user/1000".into()), ..caller(1000) };
        let ann = config(&Globals::default(), Environment::from([("XDG_DATA_HOME", "/data")]), with_session, "");
        assert_eq!((ann.root, ann.run), ("/data/barge".into(), "/run/user/1000/barge".into()));
    }

    #[test]
    fn another_root_is_another_engine() {
        let globals = |root: &str| Globals { root: Some(root.into()), ..Globals::default() };
        let one = config(&globals("/srv/one"), Environment::from([]), caller(0), "");
        let two = config(&globals("/srv/two"), Environment::from([]), caller(0), "");
        assert_ne!(one.run, two.run);
        assert!(one.run.starts_with("/run/barge"));
        let same = config(&globals("/srv/./one"), Environment::from([]), caller(0), "");
        assert_eq!((one.root, one.run), (same.root, same.run));
    }

    #[test]
    fn storage_conf_moves_the_store_but_never_into_podmans() {
        let flags = Globals { root: Some("/flag".into()), ..Globals::default() };
        for (globals, uid, file, root) in [
            (Globals::default(), 0, "[storage]\ngraphroot = \"/srv/x\"", "/srv/x"),
            (Globals::default(), 0, "[storage]\ngraphroot = \"/var/lib/containers/storage\"", "/var/lib/barge"),
            (Globals::default(), 7, "[storage]\nrootless_storage_path = \"/srv/y\"\ngraphroot = \"/srv/x\"", "/srv/y"),
            (
                Globals::default(),
                7,
                "[storage]\nrootless_storage_path = \"$HOME/store\"",
                "/home/ann/.local/share/barge",
            ),
            (flags, 0, "[storage]\ngraphroot = \"/srv/x\"", "/flag"),
        ] {
            assert_eq!(config(&globals, Environment::from([]), caller(uid), file).root, Path::new(root), "{file}");
        }
    }

    #[test]
    fn the_driver_is_a_flag_a_variable_or_a_key() {
        let file = "[storage]\ndriver = \"vfs\"";
        let flags = Globals { storage_driver: Some("overlay".into()), ..Globals::default() };
        let driver = |globals: &Globals, environment, file| config(globals, environment, caller(0), file).driver;
        use crate::model::storage::Driver::{Overlay, Vfs};
        assert_eq!(driver(&Globals::default(), Environment::from([]), file), Some(Vfs));
        assert_eq!(
            driver(&Globals::default(), Environment::from([("STORAGE_DRIVER", "overlay")]), file),
            Some(Overlay)
        );
        assert_eq!(driver(&flags, Environment::from([("STORAGE_DRIVER", "vfs")]), file), Some(Overlay));
        assert_eq!(driver(&Globals::default(), Environment::from([]), "[storage]\ndriver = \"zfs\""), None);
    }

    #[test]
    fn systemd_makes_cgroups_where_it_can() {
        let bus = || Some("/run/bus".into());
        let host = |systemd, bus| Caller { systemd, bus, ..caller(0) };
        let flag = |name: &str| Globals { cgroup_manager: Some(name.into()), ..Globals::default() };
        let key = "[engine]\ncgroup_manager = \"cgroupfs\"";
        for (globals, file, caller, manager, complains) in [
            (Globals::default(), "", host(true, bus()), CgroupManager::Systemd, false),
            (Globals::default(), "", host(true, None), CgroupManager::Cgroupfs, false),
            (Globals::default(), "", host(false, None), CgroupManager::Cgroupfs, false),
            (Globals::default(), key, host(true, bus()), CgroupManager::Cgroupfs, false),
            (flag("systemd"), key, host(true, bus()), CgroupManager::Systemd, false),
            (flag("cgroupfs"), "", host(true, bus()), CgroupManager::Cgroupfs, false),
            (flag("systemd"), "", host(true, None), CgroupManager::Cgroupfs, true),
            (flag("systemd"), "", host(false, bus()), CgroupManager::Cgroupfs, true),
        ] {
            let files = Files { containers: file.parse().expect("TOML"), ..Files::default() };
            let config = resolve(&globals, Environment::from([]), caller, files).expect("it can be resolved");
            assert_eq!(
                (config.cgroup_manager, config.no_systemd.is_some()),
                (manager, complains),
                "{globals:?} {file}"
            );
        }
        let wrong = resolve(&flag("docker"), Environment::from([]), caller(0), Files::default());
        assert!(wrong.is_err());
    }

    #[test]
    fn what_is_not_built_is_refused_by_name() {
        for globals in [
            Globals { storage_opt: vec!["overlay.size=1g".into()], ..Globals::default() },
            Globals { hooks_dir: vec!["/etc/hooks".into()], ..Globals::default() },
            Globals { storage_driver: Some("btrfs".into()), ..Globals::default() },
        ] {
            let result = resolve(&globals, Environment::from([]), caller(0), Files::default());
            let kind = result.map(|_| ()).map_err(|error| Fault::kind_of(&error));
            assert_eq!(kind, Err(crate::fault::Kind::Unsupported), "{globals:?}");
        }
    }
}
