//! Runs the command, starts servers and asks them, with no sleeping for luck.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::Value;

/// A server that has not answered by then never will.
const START_LIMIT: Duration = Duration::from_secs(60);

/// The root of the checkout.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ has a parent")
        .to_owned()
}

/// A file of the real data beside the checkout; says so loudly when it is not there.
pub(crate) fn shared(path: &str) -> Option<PathBuf> {
    let full = root().join("../shared/data").join(path);
    if full.exists() {
        return Some(full);
    }
    eprintln!("SKIPPED: {} is not there", full.display());
    None
}

/// Whether a command is installed; says so loudly when it is not.
pub(crate) fn installed(command: &str) -> bool {
    let found = Command::new(command).arg("--version").output().is_ok();
    if !found {
        eprintln!("SKIPPED: {command} is not installed");
    }
    found
}

/// The binary under test, built once.
pub(crate) fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        // The script that runs all tests has built it along with them.
        if let Some(built) = std::env::var_os("TVILLING_BIN") {
            return root().join(built);
        }
        let status = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--locked", "--workspace", "--bins"])
            .current_dir(root())
            .status()
            .expect("cargo runs");
        assert!(status.success(), "building tvilling");
        let tests = std::env::current_exe().expect("this test has a path");
        let profile = tests
            .parent()
            .and_then(Path::parent)
            .expect("target/PROFILE/deps");
        profile.join("tvilling")
    })
}

/// The command with arguments, not yet run.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Runs the command.
pub(crate) fn run(arguments: &[&str]) -> Output {
    command(arguments).output().expect("tvilling runs")
}

/// Runs the command, which must succeed; returns its standard output.
pub(crate) fn succeed(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(
        output.status.success(),
        "tvilling {}\n{}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Runs the command with `--json`, which must succeed.
pub(crate) fn succeed_json(arguments: &[&str]) -> Value {
    let mut arguments = arguments.to_vec();
    arguments.push("--json");
    serde_json::from_str(&succeed(&arguments)).expect("one JSON object on standard output")
}

/// Runs the command, which must refuse with status 1; returns its one sentence.
pub(crate) fn refuse(arguments: &[&str]) -> String {
    let output = run(arguments);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(
        output.status.code(),
        Some(1),
        "tvilling {}\n{error}",
        arguments.join(" ")
    );
    assert_eq!(
        error.trim_end().lines().count(),
        1,
        "not one sentence: {error}"
    );
    assert!(!error.contains("panicked"), "{error}");
    error
}

/// Text of a path.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("a UTF-8 path")
}

/// Makes an empty twin.
pub(crate) fn new_twin(dir: &Path, crs: &str) {
    succeed(&["init", text(dir), "--crs", crs, "--name", "Test"]);
}

/// Appends to `twin.toml`.
pub(crate) fn configure(dir: &Path, more: &str) {
    let path = dir.join("twin.toml");
    let before = std::fs::read_to_string(&path).expect("twin.toml");
    std::fs::write(&path, format!("{before}\n{more}")).expect("twin.toml is ours");
}

/// Every file of a folder with its bytes, to tell whether anything changed.
pub(crate) fn contents(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    let mut open = vec![dir.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else {
                let bytes = std::fs::read(&path).expect("a file");
                files.push((path, bytes));
            }
        }
    }
    files.sort();
    files
}

/// A running server; killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) base: String,
}

/// What a server answered.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: ureq::http::HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("ASCII"))
    }
}

impl Server {
    /// Serves a twin on a free port.
    pub(crate) fn start(dir: &Path) -> Server {
        let mut child = command(&["serve", text(dir), "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("tvilling runs");
        // The first line on standard output says where it listens.
        let mut line = String::new();
        let stdout = child.stdout.take().expect("a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let base = line
            .split_whitespace()
            .find(|word| word.starts_with("http://"))
            .unwrap_or_else(|| panic!("no address in {line:?}"))
            .trim_end_matches(['/', '.'])
            .to_owned();
        let server = Server { child, base };
        let started = Instant::now();
        while server.get("/readyz").status != 200 {
            assert!(started.elapsed() < START_LIMIT, "the server is not ready");
            std::thread::yield_now();
        }
        server
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.get_with(path, &[])
    }

    pub(crate) fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .build()
            .into();
        let mut request = agent.get(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut response = request.call().expect("an answer");
        Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.body_mut().read_to_vec().expect("a body"),
        }
    }

    /// Kills it, as a loss of power would.
    pub(crate) fn kill(&self) {
        let id = self.child.id().to_string();
        Command::new("kill")
            .args(["-KILL", &id])
            .status()
            .expect("kill runs");
    }

    /// Asks it to stop, as an operator would, and returns whether it did so cleanly.
    pub(crate) fn stop(mut self) -> bool {
        let id = self.child.id().to_string();
        Command::new("kill")
            .args(["-TERM", &id])
            .status()
            .expect("kill runs");
        self.child.wait().expect("it stops").success()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A Python that can import these modules; says so loudly when there is none. `scripts/test`
/// makes one.
pub(crate) fn python_with(modules: &str) -> Option<PathBuf> {
    let made = std::env::var_os("TVILLING_PYTHON").map(|python| root().join(python));
    let python = made.unwrap_or_else(|| "python3".into());
    let probe = Command::new(&python)
        .args(["-c", &format!("import {modules}")])
        .output();
    if probe.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    eprintln!("SKIPPED: {} has no {modules}", python.display());
    None
}

/// What a script in `tests/python` prints, which must end well.
pub(crate) fn judged_by(python: &Path, script: &str, arguments: &[&str]) -> String {
    let output = Command::new(python)
        .arg(root().join("tests/python").join(script))
        .args(arguments)
        .output()
        .expect("Python runs");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {error}");
    String::from_utf8(output.stdout).expect("UTF-8")
}
