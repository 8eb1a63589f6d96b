//! What users do with containers: one file per verb.
