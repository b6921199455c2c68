// Package conformance holds no code, only tests: it runs the cryptography of
// package seal, and what that is built from, against the vectors of Project
// Wycheproof, and has official SDKs call the server. It is a module of its own
// because the vectors are 107 MB and the SDKs 14 MB.
//
// README.md says what of them fits, and why the rest does not.
package conformance
