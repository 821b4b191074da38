//! data-samples
