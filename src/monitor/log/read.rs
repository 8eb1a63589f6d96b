//! Reading logs.
