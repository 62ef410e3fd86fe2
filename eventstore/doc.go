// Package eventstore is the log: the types and small interfaces that everything
// else appends to, reads from and verifies. Commands append through [Appender],
// projections and queries read through [Reader]; the adapters live in
// eventstore/postgres (the truth) and eventstore/memory (for domain and command
// tests), and both pass the conformance suite in eventstore/eventstoretest.
//
// Each tenant has one dense log: positions 1, 2, 3 … without a hole, and a hash
// chain over the exact stored bytes. There is no order across tenants.
//
// [Codec] stands between payloads of the domain and events: it knows the types
// through [Registry], lifts old schema versions and seals personal data. For
// auditors, [Verify] checks a log against its chain, [Export] writes it as a
// signed archive and [VerifyExport] checks that offline.
package eventstore
