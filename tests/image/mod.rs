//! What users do with images: one file per verb.

mod history;
mod images;
mod inspect;
mod load;
mod prune;
mod pull;
mod push;
mod rmi;
mod save;
mod tag;
