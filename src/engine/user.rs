//! Users and groups of a container's root: who `-u web:www` is.
