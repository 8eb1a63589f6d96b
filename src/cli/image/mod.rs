//! Commands on images, a file per verb.

pub mod exists;
pub mod history;
pub mod images;
pub mod inspect;
pub mod load;
pub mod prune;
pub mod pull;
pub mod push;
pub mod rmi;
pub mod save;
pub mod tag;
pub mod untag;
