// Package conformance holds no code, only tests: it runs the cryptography of
// package seal, and what that is built from, against the vectors of Project
// Wycheproof. It is a module of its own because the vectors are 107 MB.
//
// README.md says how many cases there are, how many fit, and why the others do
// not.
package conformance
