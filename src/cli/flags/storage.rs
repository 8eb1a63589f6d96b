//! What is mounted: volumes, tmpfs, devices, the root file system.

use super::Host;
use super::host::split;
use crate::fault::Fault;
use crate::model::container::ContainerSpec;
use crate::model::container::grammar::{
    check_targets, parse_device, parse_device_rule, parse_mount, parse_tmpfs, parse_volume,
};
use crate::model::size::ByteSize;
use anyhow::Result;

/// The flags.
#[derive(Debug, Default, clap::Args)]
pub struct StorageFlags {
    /// Add a device of the host: SOURCE[:TARGET][:PERMISSIONS]
    #[arg(long, value_name = "DEVICE")]
    device: Vec<String>,
    /// Allow devices: 'TYPE MAJOR:MINOR ACCESS'
    #[arg(long, value_name = "RULE")]
    device_cgroup_rule: Vec<String>,
    /// Mount: type=bind|tmpfs|volume,source=…,target=…,…
    #[arg(long, value_name = "MOUNT")]
    mount: Vec<String>,
    /// Mount the root file system read-only
    #[arg(long)]
    read_only: bool,
    /// With --read-only: writable tmpfs on /dev, /dev/shm, /run, /tmp, /var/tmp
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    read_only_tmpfs: Option<bool>,
    /// Size of /dev/shm
    #[arg(long, value_name = "SIZE")]
    shm_size: Option<String>,
    /// Mount a tmpfs: TARGET[:OPTIONS]
    #[arg(long, value_name = "TMPFS")]
    tmpfs: Vec<String>,
    /// Bind a directory or file: SOURCE:TARGET[:OPTIONS]
    #[arg(short, long, value_name = "VOLUME")]
    volume: Vec<String>,
}

impl StorageFlags {
    pub(super) fn apply(&self, spec: &mut ContainerSpec, host: &Host<'_>) -> Result<()> {
        let absolute = |path: &str| host.absolute_text(path);
        for text in &self.volume {
            spec.mounts.push(parse_volume(text, absolute)?);
        }
        for text in &self.mount {
            let mount = parse_mount(text, absolute)?;
            let bind = mount.kind == crate::model::container::MountKind::Bind;
            if bind && !mount.create_source && std::fs::symlink_metadata(&mount.source).is_err() {
                return Err(Fault::invalid(format!("statfs {}: no such file or directory", mount.source)).into());
            }
            spec.mounts.push(mount);
        }
        for text in &self.tmpfs {
            spec.mounts.push(parse_tmpfs(text)?);
        }
        check_targets(&spec.mounts)?;
        for text in split(&self.device)? {
            let device = parse_device(&text)?;
            if std::fs::metadata(&device.source).is_err() {
                return Err(Fault::invalid(format!("stat {}: no such file or directory", device.source)).into());
            }
            spec.devices.push(device);
        }
        for text in split(&self.device_cgroup_rule)? {
            spec.device_rules.push(parse_device_rule(&text)?);
        }
        spec.security.read_only = self.read_only;
        spec.security.read_only_tmpfs = self.read_only_tmpfs;
        if let Some(text) = &self.shm_size {
            let size: ByteSize =
                text.parse().map_err(|why| Fault::invalid(format!("unable to translate --shm-size: {why}")))?;
            spec.shm_size = Some(size.0);
        }
        Ok(())
    }
}
