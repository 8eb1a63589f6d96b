//! A file system of one's own in a file, from which the power can be cut.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::Command;

nix::ioctl_read!(ext4_shutdown, b'X', 125, u32);

/// An ext4 in a file, mounted at `at` until dropped.
pub struct Disk {
    image: PathBuf,
    at: PathBuf,
    generation: u32,
}

impl Disk {
    /// A fresh one; `options` go to mkfs.ext4.
    pub fn new(dir: &Path, megabytes: u64, options: &[&str]) -> Self {
        let at = dir.join("disk");
        std::fs::create_dir_all(&at).expect("a mount point");
        let image = dir.join("disk-0.img");
        File::create(&image).and_then(|file| file.set_len(megabytes << 20)).expect("room for a disk");
        // No blocks set aside for root: full is full.
        run(Command::new("mkfs.ext4").args(["-q", "-F", "-m", "0"]).args(options).arg(&image));
        let disk = Disk { image, at, generation: 0 };
        disk.mount();
        disk
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        &self.at
    }

    fn mount(&self) {
        run(Command::new("mount").args(["-o", "loop"]).arg(&self.image).arg(&self.at));
    }

    /// From now on nothing reaches the disk, not even the journal: what a power cut does.
    pub fn cut(&self) {
        let dir = File::open(&self.at).expect("it is mounted");
        let mut without_flushing = 2u32;
        // SAFETY: the call reads one u32 and changes the file system of this descriptor only, which is ours.
        unsafe { ext4_shutdown(dir.as_raw_fd(), &mut without_flushing) }.expect("EXT4_IOC_SHUTDOWN");
    }

    /// After a cut: what the disk had then, mounted anew. The dead file system may live on in somebody's namespace.
    pub fn power_on(&mut self) {
        run(Command::new("umount").arg("-l").arg(&self.at));
        self.generation += 1;
        let copy = self.image.with_file_name(format!("disk-{}.img", self.generation));
        run(Command::new("cp").arg("--sparse=always").arg(&self.image).arg(&copy));
        std::fs::remove_file(&self.image).expect("the old disk can go");
        self.image = copy;
        self.mount();
    }

    /// Bytes and inodes that are free.
    pub fn free(&self) -> (u64, u64) {
        let stat = nix::sys::statvfs::statvfs(&self.at).expect("it is mounted");
        (stat.blocks_available() * stat.fragment_size(), stat.files_available())
    }

    /// Leaves nothing free.
    pub fn fill(&self) {
        let path = self.at.join("filling");
        for size in [1 << 20, 4 << 10, 1] {
            let mut file = File::options().create(true).append(true).open(&path).expect("an open file");
            let bytes = vec![b'x'; size];
            while std::io::Write::write_all(&mut file, &bytes).is_ok() {}
            let _ = file.sync_all();
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        for _ in 0..50 {
            if Command::new("umount")
                .arg(&self.at)
                .stderr(std::process::Stdio::null())
                .status()
                .is_ok_and(|it| it.success())
            {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        let _ = Command::new("umount").arg("-l").arg(&self.at).status();
    }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
