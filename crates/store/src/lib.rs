//! Changes on disk and back.
