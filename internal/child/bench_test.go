//go:build !windows

package child_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// logFile makes a file of lines as a server logs them, and 20 values.
func logFile(b *testing.B, size int) (path, hide string) {
	b.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	words := bytes.Fields([]byte("the server listens on port and answers GET /api/v1/users/ with status 200 in 1.25ms INFO request error: connection refused by 127.0.0.1:5432 retrying level=info msg=\"started\""))
	var text []byte
	for i := 1; len(text) < size; i++ {
		text = append(text, words[r.IntN(len(words))]...)
		if i%10 == 0 {
			text = append(text, '\n')
		} else {
			text = append(text, ' ')
		}
	}
	for range 20 {
		value := make([]byte, 20+r.IntN(21))
		for i := range value {
			value[i] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[r.IntN(64)]
		}
		hide += string(value) + "\n"
	}
	path = filepath.Join(b.TempDir(), "log")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		b.Fatal(err)
	}
	return path, hide
}

// BenchmarkPipes compares a program that hides 20 values with the program alone.
func BenchmarkPipes(b *testing.B) {
	const size = 256 << 20
	path, hide := logFile(b, size)
	for name, hide := range map[string]string{"masked": hide, "alone": "-"} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(size)
			for b.Loop() {
				cmd := command(b, "cat", path)
				cmd.Env = append(cmd.Env, values+"="+hide)
				out, err := cmd.StdoutPipe()
				if err != nil {
					b.Fatal(err)
				}
				if err := cmd.Start(); err != nil {
					b.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, out); err != nil {
					b.Fatal(err)
				}
				if err := cmd.Wait(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkTerminal compares the same with the simplest copy from one
// pseudo-terminal to another.
func BenchmarkTerminal(b *testing.B) {
	const size = 16 << 20
	path, hide := logFile(b, size)
	for i := range 3 {
		for name, hide := range map[string]string{"masked": hide, "plain": "plain"} {
			b.Run(fmt.Sprint(name, " ", i), func(b *testing.B) {
				b.SetBytes(size)
				for b.Loop() {
					cmd := command(b, "cat", path)
					cmd.Env = append(cmd.Env, values+"="+hide)
					s := onScreen(b, cmd)
					s.seen = nil
					for range s.shown {
					}
					s.end(0)
				}
			})
		}
	}
}

// BenchmarkStart measures what starting a program through keyhold takes.
func BenchmarkStart(b *testing.B) {
	_, hide := logFile(b, 1)
	for name, hide := range map[string]string{"replaced": "-", "masked": hide} {
		b.Run("pipes "+name, func(b *testing.B) {
			for b.Loop() {
				cmd := command(b, "true")
				cmd.Env = append(cmd.Env, values+"="+hide)
				if err := cmd.Run(); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("terminal "+name, func(b *testing.B) {
			for b.Loop() {
				cmd := command(b, "true")
				cmd.Env = append(cmd.Env, values+"="+hide)
				onScreen(b, cmd).end(0)
			}
		})
	}
}
