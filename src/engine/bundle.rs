//! The only mapping from a [`crate::model::container::ContainerSpec`] to an OCI config. Pure.
