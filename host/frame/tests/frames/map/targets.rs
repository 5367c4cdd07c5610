//! How much a map may lose of files with generated damage.
