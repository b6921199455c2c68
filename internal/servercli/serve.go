package servercli

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/spf13/cobra"

	"github.com/keyhold/keyhold/internal/kv"
	"github.com/keyhold/keyhold/internal/kv/batch"
	"github.com/keyhold/keyhold/internal/kv/bolt"
	"github.com/keyhold/keyhold/internal/seal"
	"github.com/keyhold/keyhold/internal/server/admin"
	"github.com/keyhold/keyhold/internal/server/pwm"
	"github.com/keyhold/keyhold/internal/server/secretsstore"
	"github.com/keyhold/keyhold/internal/server/vaultctl"
	"github.com/keyhold/keyhold/internal/service/accounts"
	"github.com/keyhold/keyhold/internal/service/vaults"
)

type serveOptions struct {
	*Env

	addr, registration string
	cert, key          string
	insecure           bool
	proxies            []string
	accessTime         time.Duration

	mode    accounts.Mode
	trusted []netip.Prefix
	tls     *tls.Config
}

func newServe(env *Env) *cobra.Command {
	o := serveOptions{Env: env}
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the server",
		Long: "Serve the vaults API below /api/v1, that of pwm below /pwm, the Secrets Store API below /client/v4, and /healthz, until SIGTERM or SIGINT.\n" +
			"The address is printed when the server can be reached: 127.0.0.1:8420 unless --addr says otherwise; port 0 is any that is free.\n" +
			"Without TLS it serves this machine alone; what other machines can reach needs --tls-cert and --tls-key, or a proxy in front\n" +
			"that has them and --insecure-http.\n\n" +
			"To sign up takes an invite unless --registration says otherwise. The first start prints one for the owner: whoever\n" +
			"signs up first.",
		Example: "  keyhold-server serve\n" +
			"  keyhold-server serve --addr :443 --tls-cert cert.pem --tls-key key.pem --data /var/lib/keyhold",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			return o.run(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.addr, "addr", "127.0.0.1:8420", "listen on this `address`")
	f.StringVar(&o.registration, "registration", string(accounts.InviteOnly), "who may sign up, a `MODE`: open, invite or disabled")
	f.StringVar(&o.cert, "tls-cert", "", "serve TLS with the certificates in this `file`")
	f.StringVar(&o.key, "tls-key", "", "and with the private key in this `file`")
	f.BoolVar(&o.insecure, "insecure-http", false, "serve other machines without TLS: a proxy in front has it")
	f.StringSliceVar(&o.proxies, "trusted-proxy", nil, "believe X-Forwarded-For of this `CIDR`; repeatable")
	f.DurationVar(&o.accessTime, "access-time", accounts.AccessTime, "how long an access token is good for, a `DURATION`")
	return cmd
}

// check checks what can be known before anything is touched.
func (o *serveOptions) check() error {
	var err error
	if o.mode, err = accounts.ParseMode(o.registration); err != nil {
		return usagef("--registration must be open, invite or disabled")
	}
	if (o.cert == "") != (o.key == "") {
		return usagef("--tls-cert and --tls-key go together")
	}
	if o.accessTime < time.Second || o.accessTime > 24*time.Hour {
		return usagef("--access-time must be between 1s and 24h")
	}
	for _, p := range o.proxies {
		prefix, err := netip.ParsePrefix(p)
		if addr, e := netip.ParseAddr(p); e == nil {
			prefix, err = addr.Prefix(addr.BitLen())
		}
		if err != nil {
			return usagef("--trusted-proxy %q is no network such as 10.0.0.0/8", p)
		}
		o.trusted = append(o.trusted, prefix)
	}
	host, _, err := net.SplitHostPort(o.addr)
	if err != nil {
		return usagef("--addr %q is no address such as 127.0.0.1:8420", o.addr)
	}
	if o.cert == "" && !o.insecure && !isLoopback(host) {
		return &failure{
			code: "usage", message: "other machines could reach " + o.addr + " without TLS",
			hint: "add --tls-cert FILE --tls-key FILE, or --insecure-http behind a proxy that has TLS",
		}
	}
	return nil
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// run serves until ctx ends.
func (o *serveOptions) run(ctx context.Context) (err error) {
	dir, err := o.dir()
	if err != nil {
		return err
	}
	if err := dir.make(o.Env); err != nil {
		return err
	}
	if o.cert != "" {
		pair, err := tls.LoadX509KeyPair(o.cert, o.key)
		if err != nil {
			return fmt.Errorf("--tls-cert and --tls-key: %w", err)
		}
		o.tls = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	}
	store, err := bolt.Hold(ctx, dir.store())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	keys, err := dir.keys(o.Env, o.keyFile)
	if err != nil {
		return err
	}
	db := batch.New(store)
	if err := o.firstInvite(ctx, db, keys.accounts); err != nil {
		return err
	}
	public, err := o.listen(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = public.Close() }()
	private, err := dir.listen(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = private.Close() }()
	log := o.logger()
	door := vaultctl.New(vaultctl.Deps{
		Store: db, Keys: keys.accounts, Now: o.Now, Rand: o.Rand, Mode: o.mode, Log: log, Version: o.Version.Number, Commit: o.Version.Commit,
		AccessTime: o.accessTime, Proxies: o.trusted,
	})
	values := secretsstore.New(secretsstore.Deps{
		Store: db, Keys: keys.stores, Now: o.Now, Rand: o.Rand, Log: log, Gone: store.Scrub, Proxies: o.trusted,
	})
	sealed := pwm.New(pwm.Deps{Store: db, Now: o.Now, Rand: o.Rand, Log: log, Proxies: o.trusted})
	mine := admin.New(admin.Deps{Store: db, Copy: store.Copy, Keys: keys.accounts, Now: o.Now, Rand: o.Rand})
	if err := o.announce(public); err != nil {
		return err
	}
	go o.sweep(ctx, db, log)
	if o.tls != nil {
		public = tls.NewListener(public, o.tls)
	}
	return serveBoth(ctx, log, paired{public, root(db, map[string]http.Handler{"/api/v1/": door, "/pwm/": sealed, "/client/v4/": values})}, paired{private, mine})
}

// listen listens for clients.
func (o *serveOptions) listen(ctx context.Context) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.addr)
	if err != nil {
		return nil, err
	}
	addr, ok := l.Addr().(*net.TCPAddr)
	if o.tls == nil && !o.insecure && (!ok || !addr.IP.IsLoopback()) {
		_ = l.Close()
		return nil, usagef("%s is not on this machine alone", o.addr)
	}
	return l, nil
}

// announce says where the server can be reached, on a line of its own.
func (o *serveOptions) announce(l net.Listener) error {
	scheme := "http://"
	if o.tls != nil {
		scheme = "https://"
	}
	_, err := fmt.Fprintf(o.Out, "listening on %s%s\n", scheme, l.Addr())
	return err
}

// firstInvite prints an invite if there is neither an account nor an invite.
func (o *serveOptions) firstInvite(ctx context.Context, db kv.DB, keys accounts.Keys) error {
	if o.mode != accounts.InviteOnly {
		return nil
	}
	var text string
	err := db.Update(ctx, func(tx kv.Tx) error {
		text = ""
		for _, err := range accounts.All(tx) {
			return err // there is an account, or one that cannot be read
		}
		invites, err := accounts.Invites(tx)
		if err != nil {
			return err
		}
		for _, i := range invites {
			if o.Now().Before(i.Expires) {
				return nil
			}
		}
		_, code, err := accounts.CreateInvite(tx, o.Now(), keys, o.Rand, seal.ID{}, "", inviteLife)
		text = code.Reveal()
		return err
	})
	if err != nil || text == "" {
		return err
	}
	_, err = fmt.Fprintf(o.Out, "invite for the owner: %s\n", text)
	return err
}

func (o *serveOptions) logger() *slog.Logger {
	level := slog.LevelInfo
	if o.quiet {
		level = slog.LevelWarn
	}
	opts := &slog.HandlerOptions{Level: level}
	if o.json {
		return slog.New(slog.NewJSONHandler(o.Err, opts))
	}
	return slog.New(slog.NewTextHandler(o.Err, opts))
}

// sweep removes once an hour what is out of date.
func (o *serveOptions) sweep(ctx context.Context, db kv.DB, log *slog.Logger) {
	t := time.NewTicker(time.Hour)
	defer t.Stop()
	for {
		err := db.Update(ctx, func(tx kv.Tx) error {
			return errors.Join(accounts.Sweep(tx, o.Now()), vaults.Sweep(tx, o.Now()))
		})
		if err != nil && ctx.Err() == nil {
			log.ErrorContext(ctx, "sweep", "error", err.Error())
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
	}
}

// root is what stands beside the APIs.
func root(db kv.DB, apis map[string]http.Handler) http.Handler {
	mux := http.NewServeMux()
	for path, api := range apis {
		mux.Handle(path, api)
	}
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		if err := db.View(r.Context(), func(tx kv.Tx) error { tx.Get([]byte("health")); return nil }); err != nil {
			http.Error(w, "unavailable", http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "ok\n")
	})
	return mux
}
