//! The moment between the making of the namespaces and the change of the root, in which hooks run; and what else of a
//! bundle our own containers never have.

use super::namespaces::of;
use super::{Builder, attributes, text};
use crate::fault::Fault;
use crate::runtime::RootSource;
use crate::runtime::hook::{self, Hook};
use crate::runtime::step::{Source, Step};
use anyhow::Result;
use oci_spec::runtime::{self as oci, LinuxNamespaceType as Kind};
use serde_json::{Value, json};

impl Builder<'_> {
    fn hooks(&self) -> Option<&oci::Hooks> {
        self.bundle.spec.hooks().as_ref()
    }

    /// Whether a bundle wants to live among the mounts of who runs it.
    pub(super) fn shares_mounts(&self) -> bool {
        matches!(self.bundle.root, RootSource::Bundle(_)) && !self.has_namespace(Kind::Mount)
    }

    /// Whether somebody has something to do in that moment.
    pub(super) fn has_moment(&self) -> bool {
        let linux = self.bundle.spec.linux().as_ref();
        let devices = linux.and_then(|linux| linux.net_devices().as_ref()).is_some_and(|list| !list.is_empty());
        let inside =
            self.hooks().is_some_and(|hooks| hooks.create_container().as_ref().is_some_and(|one| !one.is_empty()));
        devices || inside || self.hooks().is_some_and(|hooks| !hook::all_before(hooks).is_empty())
    }

    /// A time namespace, before anything that hides the host's `/proc` from us.
    pub(super) fn time(&mut self) -> Result<()> {
        let linux = self.bundle.spec.linux().as_ref();
        let offsets = linux.and_then(|linux| linux.time_offsets().as_ref()).filter(|offsets| !offsets.is_empty());
        let own = of(self.bundle).iter().find(|one| one.typ() == Kind::Time).map(|one| one.path().is_none());
        match (own, offsets) {
            (Some(true), Some(offsets)) => self.push(attributes::time_offsets(offsets)?),
            (Some(true), None) => self.push(Step::TimeNamespace(Vec::new())),
            (_, Some(_)) => {
                return Err(Fault::invalid("time offsets need a new time namespace").into());
            }
            _ => {}
        }
        Ok(())
    }

    pub(super) fn place_root(&mut self, source: Source) -> Result<()> {
        let RootSource::Bundle(path) = &self.bundle.root else {
            return Err(Fault::unsupported("hooks and network devices are for bundles only").into());
        };
        let path = text(path)?;
        self.push(Step::PlaceRoot { source, path });
        Ok(())
    }

    /// The parent's part, then the hooks of the container's namespaces.
    pub(super) fn moment(&mut self) -> Result<()> {
        self.push(Step::Parent);
        let hooks = self.hooks().and_then(|hooks| hooks.create_container().clone()).unwrap_or_default();
        for hook in &hooks {
            let step = Step::Hook(Hook::new("createContainer", hook, &self.state("creating"))?);
            self.push(step);
        }
        Ok(())
    }

    /// Right before the program.
    pub(super) fn start_hooks(&self) -> Result<Vec<Step>> {
        let hooks = self.hooks().and_then(|hooks| hooks.start_container().as_deref()).unwrap_or_default();
        let state = self.state("created");
        hooks.iter().map(|hook| Hook::new("startContainer", hook, &state).map(Step::Hook)).collect()
    }

    fn state(&self, status: &str) -> Value {
        let spec = &self.bundle.spec;
        let mut state = json!({
            "ociVersion": spec.version(),
            "id": self.bundle.id,
            "status": status,
            "bundle": self.bundle.manner.bundle,
        });
        if let Some(annotations) = spec.annotations().as_ref().filter(|list| !list.is_empty()) {
            state["annotations"] = json!(annotations);
        }
        state
    }
}
