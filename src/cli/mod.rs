//! Arguments and terminal: one file per command, each with `Args` (its doc comments are help, man page and completion
//! text) and a short `run()`. No logic hides here: what a command does is a function of [`crate::engine`].
//!
//! This page is the command tree. Only the asked-for command's clap definition is ever built.

pub mod command;
pub mod complete;
pub mod container;
pub mod error;
pub mod flags;
pub mod globals;
pub mod help;
pub mod image;
pub mod inspect;
pub mod logger;
pub mod login;
pub mod logout;
pub mod network;
pub mod oci;
pub mod output;
pub mod system;
pub mod terminal;
pub mod time;

use crate::config::Program;
use command::{Command, group, leaf, light, runtime};
use std::ffi::OsString;

/// The commands, as `help` lists them.
pub static TREE: &[Command] = &[
    leaf!("attach", container::attach),
    group!("container", "Manage containers", CONTAINER),
    leaf!("create", container::create),
    leaf!("exec", container::exec),
    leaf!("history", image::history),
    group!("image", "Manage images", IMAGE),
    leaf!("images", image::images),
    leaf!("info", system::info),
    leaf!("inspect", inspect),
    leaf!("kill", container::kill),
    leaf!("load", image::load),
    light!("login", login),
    light!("logout", logout),
    leaf!("logs", container::logs),
    group!("oci", "Run bundles as an OCI runtime", OCI),
    group!("network", "Manage networks", NETWORK),
    leaf!("pause", container::pause),
    leaf!("port", container::port),
    leaf!("ps", container::ps),
    leaf!("pull", image::pull),
    leaf!("push", image::push),
    leaf!("rename", container::rename),
    leaf!("restart", container::restart),
    leaf!("rm", container::rm),
    leaf!("rmi", image::rmi),
    leaf!("run", container::run),
    leaf!("save", image::save),
    leaf!("selftest", system::selftest),
    leaf!("start", container::start),
    leaf!("stop", container::stop),
    group!("system", "Manage the engine", SYSTEM),
    leaf!("tag", image::tag),
    leaf!("top", container::top),
    leaf!("unpause", container::unpause),
    leaf!("untag", image::untag),
    light!("version", system::version),
    leaf!("wait", container::wait),
];

static CONTAINER: &[Command] = &[
    leaf!("attach", container::attach),
    leaf!("create", container::create),
    leaf!("exec", container::exec),
    leaf!("exists", container::exists),
    leaf!("inspect", container::inspect),
    leaf!("kill", container::kill),
    leaf!("list", ["ls", "ps"], container::ps),
    leaf!("logs", container::logs),
    leaf!("pause", container::pause),
    leaf!("port", container::port),
    leaf!("prune", container::prune),
    leaf!("rename", container::rename),
    leaf!("restart", container::restart),
    leaf!("rm", ["remove"], container::rm),
    leaf!("run", container::run),
    leaf!("start", container::start),
    leaf!("stop", container::stop),
    leaf!("top", container::top),
    leaf!("unpause", container::unpause),
    leaf!("wait", container::wait),
];

static IMAGE: &[Command] = &[
    leaf!("exists", image::exists),
    leaf!("history", image::history),
    leaf!("inspect", image::inspect),
    leaf!("list", ["ls"], image::images),
    leaf!("load", image::load),
    leaf!("prune", image::prune),
    leaf!("pull", image::pull),
    leaf!("push", image::push),
    leaf!("rm", ["remove"], image::rmi),
    leaf!("save", image::save),
    leaf!("tag", image::tag),
    leaf!("untag", image::untag),
];

/// What runc has, and other engines ask of a runtime.
pub static OCI: &[Command] = &[
    runtime!("create", oci::create),
    runtime!("delete", oci::delete),
    runtime!("events", oci::events),
    runtime!("exec", oci::exec),
    runtime!("features", oci::features),
    runtime!("kill", oci::kill),
    runtime!("list", oci::list),
    runtime!("pause", oci::pause),
    runtime!("ps", oci::ps),
    runtime!("resume", oci::resume),
    runtime!("run", oci::run),
    runtime!("spec", oci::spec),
    runtime!("start", oci::start),
    runtime!("state", oci::state),
    runtime!("update", oci::update),
];

static NETWORK: &[Command] = &[
    leaf!("connect", network::connect),
    leaf!("create", network::create),
    leaf!("disconnect", network::disconnect),
    leaf!("exists", network::exists),
    leaf!("explain", network::explain),
    leaf!("inspect", network::inspect),
    leaf!("ls", ["list"], network::ls),
    leaf!("prune", network::prune),
    leaf!("reload", network::reload),
    leaf!("rm", ["remove"], network::rm),
    leaf!("update", network::update),
];

static SYSTEM: &[Command] =
    &[leaf!("check", system::check), leaf!("info", system::info), leaf!("reset", system::reset)];

/// What docker and podman have and [`TREE`] has not yet, by group: said so, instead of taken for a slip of the fingers.
pub static UNBUILT: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "auto-update",
            "build",
            "builder",
            "buildx",
            "checkpoint",
            "commit",
            "compose",
            "config",
            "context",
            "cp",
            "diff",
            "events",
            "export",
            "farm",
            "generate",
            "healthcheck",
            "import",
            "init",
            "kube",
            "machine",
            "manifest",
            "mount",
            "node",
            "plugin",
            "pod",
            "secret",
            "restore",
            "search",
            "service",
            "stack",
            "stats",
            "swarm",
            "trust",
            "umount",
            "unmount",
            "unshare",
            "update",
            "volume",
        ],
    ),
    (
        "container",
        &[
            "checkpoint",
            "cleanup",
            "clone",
            "commit",
            "cp",
            "diff",
            "export",
            "init",
            "mount",
            "restore",
            "runlabel",
            "stats",
            "umount",
            "unmount",
            "update",
        ],
    ),
    ("image", &["build", "diff", "import", "mount", "scp", "search", "sign", "tree", "trust", "umount", "unmount"]),
    ("system", &["connection", "df", "dial-stdio", "events", "migrate", "prune", "renumber", "service"]),
];

/// The whole command line, from argv to the exit code.
pub fn main(program: Program, argv: Vec<OsString>) -> u8 {
    command::main(program, argv)
}
