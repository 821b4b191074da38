# make demo    builds everything, makes the demo town, and serves its map on http://127.0.0.1:8080
# make test    passes the tests
# make check   what must hold before a change lands: format, lints, documents, licences, tests
# make bench   measures against the named peers (see docs/performance.md)

LISTEN ?= 127.0.0.1:8080

.PHONY: demo test check bench web build-packages test-packages

demo: build-packages web
	cargo run --release --locked --bin tvilling -- demo --listen $(LISTEN)

test: build-packages test-packages web
	scripts/test

check: build-packages test-packages web
	scripts/check

bench: build-packages web
	benches/run
	benches/lidar
	benches/terrain
	benches/tiler
	benches/serve

web:
	scripts/web

build-packages:
	scripts/system-packages build

test-packages:
	scripts/system-packages test
