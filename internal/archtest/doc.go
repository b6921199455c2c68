// Package archtest keeps the shape of the module: who may import whom, which
// packages stay pure, where the outside world may be touched, how long a file
// may grow. The rules are data in rules_test.go; its tests run them over the
// whole module, and over small sources that break each one.
package archtest
