//! What users do with images: one file per verb.
