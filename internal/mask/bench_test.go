package mask_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/keyhold/keyhold/internal/mask"
)

// values returns n values of 20 to 40 letters and digits.
func values(r *rand.Rand, n int) [][]byte {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_"
	out := make([][]byte, n)
	for i := range out {
		out[i] = make([]byte, 20+r.IntN(21))
		for k := range out[i] {
			out[i][k] = letters[r.IntN(len(letters))]
		}
	}
	return out
}

// texts are what programs print, a megabyte each.
func texts(r *rand.Rand, secrets [][]byte) map[string][]byte {
	words := bytes.Fields([]byte("the server listens on port and answers GET /api/v1/users/ with status 200 in 1.25ms INFO request error: connection refused by 127.0.0.1:5432 retrying package main import fmt func return if err != nil level=info msg=\"started\" Compiling serde_json v1.0.108 downloading npm warn deprecated"))
	make1 := func(between func(out []byte, i int) []byte) []byte {
		var out []byte
		for i := 1; len(out) < 1<<20; i++ {
			out = append(out, words[r.IntN(len(words))]...)
			out = between(append(out, ' '), i)
		}
		return out
	}
	line := func(out []byte, i int) []byte {
		if i%10 == 0 {
			return append(out, '\n')
		}
		return out
	}
	binary := make([]byte, 1<<20)
	for i := range binary {
		binary[i] = byte(r.Uint32())
	}
	return map[string][]byte{
		"log": make1(line),
		"log on a terminal": make1(func(out []byte, i int) []byte {
			if i%10 == 0 {
				return append(out, "\r\n"...)
			}
			return out
		}),
		"binary": binary,
		"coloured": make1(func(out []byte, i int) []byte {
			if i%3 == 0 {
				out = append(out, "\x1b[32m"...)
			}
			return line(append(out, "\x1b[0m"[:4*(i%2)]...), i)
		}),
		"with values": make1(func(out []byte, i int) []byte {
			if i%30 == 0 {
				out = append(out, secrets[r.IntN(len(secrets))]...)
			}
			return line(out, i)
		}),
	}
}

func BenchmarkWriter(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{1, 20, 200} {
		secrets := values(r, n)
		set := mask.New(secrets)
		for name, text := range texts(r, secrets) {
			for _, size := range []int{4095, 65536} {
				b.Run(fmt.Sprintf("%d values/%s/by %d", n, name, size), func(b *testing.B) {
					b.SetBytes(int64(len(text)))
					w := set.Writer(io.Discard)
					for b.Loop() {
						for i := 0; i < len(text); i += size {
							_, _ = w.Write(text[i:min(i+size, len(text))])
						}
					}
				})
			}
		}
	}
}

func BenchmarkNew(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	pem := bytes.Join(values(r, 60), []byte("\n"))
	for name, secrets := range map[string][][]byte{"20 values": values(r, 20), "a key of 1800 bytes": {pem}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				mask.New(secrets)
			}
		})
	}
}
