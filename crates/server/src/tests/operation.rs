//! A server under way: full, measured, and stopped.

use super::{settings, town, town_with};
use crate::Limits;

#[tokio::test]
async fn a_full_server_refuses_and_says_when_to_come_back() {
    let limits = Limits {
        requests: 0,
        ..Limits::default()
    };
    let town = town_with(limits, settings());
    let got = town.get("/collections").await;
    assert_eq!(got.status, 503);
    assert_eq!(got.header("retry-after"), "1");
    assert_eq!(got.json()["code"], "busy");
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(town.get(path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn metrics_count_requests_by_route_without_names_of_collections() {
    let town = town();
    town.get_as_staff("/collections/secret_pipes").await;
    let got = town.get("/metrics").await;
    let text = got.text();
    assert!(
        text.contains("tvilling_requests_total{route=\"/collections/{id}\""),
        "{text}"
    );
    assert!(text.contains("tvilling_request_seconds_bucket"), "{text}");
    assert!(!text.contains("secret"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopping_lets_a_request_in_flight_finish() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let town = town();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let app = town.app.clone();
    // Every worker is taken, so that the request waits until one is given back.
    let workers = town.app.limits().workers;
    let (free, freed) = std::sync::mpsc::channel::<()>();
    let freed = std::sync::Arc::new(std::sync::Mutex::new(freed));
    let (busy, mut is_busy) = tokio::sync::mpsc::unbounded_channel::<()>();
    for _ in 0..workers {
        let (app, freed, busy) = (app.clone(), freed.clone(), busy.clone());
        tokio::spawn(async move {
            app.compute(move || {
                busy.send(()).unwrap();
                freed.lock().unwrap().recv().unwrap();
                Ok(())
            })
            .await
        });
    }
    let server = tokio::spawn(crate::serve(listener, app, async {
        stopped.await.unwrap();
    }));
    is_busy.recv().await.unwrap();
    let mut client = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = "GET /collections/streets/items HTTP/1.1\r\nHost: x\r\n\r\n";
    client.write_all(request.as_bytes()).await.unwrap();
    // In flight once it has taken its place.
    let all = town.app.limits().requests;
    while town.app.in_flight().available_permits() == all {
        tokio::task::yield_now().await;
    }
    stop.send(()).unwrap();
    for _ in 0..workers {
        free.send(()).unwrap();
    }
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("Storgatan"));
    server.await.unwrap().unwrap();
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
