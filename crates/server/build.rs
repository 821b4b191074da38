//! Builds the crate again when the web page was built, so that it is embedded.

use std::path::Path;

fn main() {
    // Cargo runs this again on every build if it is told to watch what does not
    // exist. So where the page has not been built, watch the folder above it.
    let watched = ["../../web/dist", "../../web"]
        .into_iter()
        .find(|folder| Path::new(folder).exists());
    println!("cargo:rerun-if-changed=build.rs");
    if let Some(folder) = watched {
        println!("cargo:rerun-if-changed={folder}");
    }
}
