//! Tests of the whole: its structure, and the command and server from end to end.
