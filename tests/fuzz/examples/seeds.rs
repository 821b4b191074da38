//! Writes a good file for each target that reads files of a twin, to start from.

fn main() -> std::io::Result<()> {
    for (target, bytes) in fuzz::files_of_twin() {
        let folder = std::path::Path::new("corpus").join(target);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("good"), bytes)?;
    }
    Ok(())
}
