//! What users ask of the engine itself: one file per verb.
