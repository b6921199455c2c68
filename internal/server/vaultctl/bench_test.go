package vaultctl_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/keyhold/keyhold/internal/kv/batch"
	"github.com/keyhold/keyhold/internal/kv/bolt"
)

// 64 clients at a time over loopback, on a store that is held and committed in
// groups as keyhold-server does: 5,000 reads and 1,000 durable writes a second
// are wanted on two cores, clients included.
func BenchmarkServer(b *testing.B) {
	store, err := bolt.Hold(b.Context(), filepath.Join(b.TempDir(), "server.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	w := worldOn(b, batch.New(store))
	p := w.join("ann")
	v := w.vault(p, "personal")
	items := make([]string, 1000)
	for i := range items {
		items[i] = w.item(p, v, fmt.Sprint(i))
	}
	body, err := json.Marshal(newItem("again"))
	if err != nil {
		b.Fatal(err)
	}
	srv := httptest.NewServer(w)
	defer srv.Close()
	c := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	for _, method := range []string{http.MethodGet, http.MethodPut} {
		b.Run(method, func(b *testing.B) {
			b.SetParallelism(32)
			var n atomic.Int64
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					url := srv.URL + "/api/v1/vaults/" + v + "/items/" + items[int(n.Add(7))%len(items)]
					var send io.Reader
					if method == http.MethodPut {
						send = bytes.NewReader(body)
					}
					r, err := http.NewRequestWithContext(b.Context(), method, url, send)
					if err != nil {
						b.Error(err)
						return
					}
					r.Header.Set("Authorization", "Bearer "+p.token)
					resp, err := c.Do(r)
					if err != nil {
						b.Error(err)
						return
					}
					_, _ = io.Copy(io.Discard, resp.Body)
					_ = resp.Body.Close()
					if resp.StatusCode != http.StatusOK {
						b.Errorf("status %d", resp.StatusCode)
						return
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
		})
	}
}
