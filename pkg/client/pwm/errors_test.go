package pwm_test

import (
	"context"
	"errors"
	"testing"

	"github.com/keyhold/keyhold/pkg/client"
	"github.com/keyhold/keyhold/pkg/client/pwm"
)

func list(ctx context.Context, c *pwm.Client) error {
	_, err := c.Vaults.List(ctx)
	return err
}

func update(ctx context.Context, c *pwm.Client) error {
	_, err := c.Vaults.Update(ctx, "home", pwm.UpdateRequest{Content: content, Version: 7})
	return err
}

func getHome(ctx context.Context, c *pwm.Client) error {
	_, err := c.Vaults.Get(ctx, "home")
	return err
}

// TestKinds has refusals where the code goes before the status.
func TestKinds(t *testing.T) {
	t.Parallel()
	tests := []struct {
		status int
		code   string
		want   error
	}{
		{401, "UNAUTHORIZED", client.ErrUnauthenticated},
		{400, "UNAUTHORIZED", client.ErrUnauthenticated},
		{400, "NOT_FOUND", client.ErrNotFound},
		{400, "ALREADY_EXISTS", pwm.ErrExists},
		{409, "ALREADY_EXISTS", client.ErrConflict},
		{400, "FORBIDDEN", client.ErrDenied},
		{412, "VERSION_CONFLICT", client.ErrConflict},
		{409, "VALIDATION_ERROR", client.ErrInvalid},
		{500, "BAD_REQUEST", client.ErrInvalid},
		{400, "RATE_LIMITED", client.ErrUnavailable},
		{404, "A_LATER_ONE", client.ErrNotFound},
		{500, "", client.ErrUnavailable},
	}
	kinds := []error{
		client.ErrInvalid, client.ErrUnauthenticated, client.ErrDenied, client.ErrNotFound, client.ErrConflict, client.ErrUnavailable, client.ErrBadAnswer,
	}
	for _, tt := range tests {
		for _, text := range []string{
			`{"error":"no","code":"` + tt.code + `"}`,
			`{"success":false,"code":"` + tt.code + `","error":"no","data":null}`,
		} {
			c, _ := scripted(t, reply{tt.status, text})
			err := getHome(t.Context(), c)
			if !errors.Is(err, tt.want) {
				t.Errorf("%d %s: error = %v, want %v", tt.status, text, err, tt.want)
			}
			for _, k := range kinds {
				if errors.Is(err, k) && !errors.Is(tt.want, k) && !(k == client.ErrConflict && tt.want == pwm.ErrExists) {
					t.Errorf("%d %s: error is %v too", tt.status, text, k)
				}
			}
			if e, ok := errors.AsType[*client.Error](err); !ok || e.Code != tt.code || e.Message != "no" {
				t.Errorf("%d %s: %#v lacks code or message", tt.status, text, err)
			}
		}
	}
}

func TestVersionConflict(t *testing.T) {
	t.Parallel()
	for _, r := range []reply{
		{409, `{"error":"Version conflict","code":"VERSION_CONFLICT","currentVersion":9,"yourVersion":7}`},
		{200, `{"error":"Version conflict","code":"VERSION_CONFLICT","currentVersion":9,"yourVersion":7,"success":false}`},
	} {
		c, s := scripted(t, r)
		err := update(t.Context(), c)
		v, ok := errors.AsType[*pwm.VersionError](err)
		if !ok || v.Current != 9 || v.Yours != 7 || !errors.Is(err, client.ErrConflict) || len(s.log()) != 1 {
			t.Errorf("error = %#v after %d requests", err, len(s.log()))
		}
	}
}

// TestBadCalls has what ends a call, and how often it was sent by then.
func TestBadCalls(t *testing.T) {
	t.Parallel()
	create := func(ctx context.Context, c *pwm.Client) error {
		_, err := c.Vaults.Create(ctx, pwm.CreateRequest{Name: "home"})
		return err
	}
	remove := func(ctx context.Context, c *pwm.Client) error { return c.Vaults.Delete(ctx, "home") }
	status := func(ctx context.Context, c *pwm.Client) error {
		_, err := c.Session.Status(ctx)
		return err
	}
	session := func(ctx context.Context, c *pwm.Client) error {
		_, err := c.CLI.Create(ctx)
		return err
	}
	tests := []struct {
		name    string
		do      func(context.Context, *pwm.Client) error
		replies []reply
		want    error
		asked   int
	}{
		{"update, no answer", update, []reply{lost, {200, `{"version":8}`}}, client.ErrUnavailable, 1},
		{"update, down", update, []reply{{503, ""}, {200, `{"version":8}`}}, client.ErrUnavailable, 1},
		{"update, wrong version", update, []reply{{200, `{"version":9}`}}, client.ErrBadAnswer, 1},
		{"update, no version", update, []reply{{200, `{}`}}, client.ErrBadAnswer, 1},
		{"create, no answer", create, []reply{lost}, client.ErrUnavailable, 1},
		{"create, another", create, []reply{{201, `{"name":"other","version":1}`}}, client.ErrBadAnswer, 1},
		{"create, no version", create, []reply{{201, `{"name":"home"}`}}, client.ErrBadAnswer, 1},
		{"delete, refused with 200", remove, []reply{{200, `{"success":false,"code":"FORBIDDEN","error":"no"}`}}, client.ErrDenied, 1},
		{"list, no list", list, []reply{{200, `{}`}}, client.ErrBadAnswer, 1},
		{"list, no name", list, []reply{{200, `{"vaults":[{"version":1}]}`}}, client.ErrBadAnswer, 1},
		{"list, no version", list, []reply{{200, `{"vaults":[{"name":"a"}]}`}}, client.ErrBadAnswer, 1},
		{"list, other case", list, []reply{{200, `{"Vaults":[]}`}}, client.ErrBadAnswer, 1},
		{"list, twice", list, []reply{{200, `{"vaults":[],"vaults":[]}`}}, client.ErrBadAnswer, 1},
		{"get, another", getHome, []reply{{200, `{"name":"x","version":1}`}}, client.ErrBadAnswer, 1},
		{"get, bad base64", getHome, []reply{{200, `{"version":1,"iv":"*"}`}}, client.ErrBadAnswer, 1},
		{"get, too much padding", getHome, []reply{{200, `{"version":1,"iv":"AA==="}`}}, client.ErrBadAnswer, 1},
		{"get, line end", getHome, []reply{{200, `{"version":1,"iv":"AA\n=="}`}}, client.ErrBadAnswer, 1},
		{"get, bad time", getHome, []reply{{200, `{"version":1,"updatedAt":"today"}`}}, client.ErrBadAnswer, 1},
		{"status, signed out", status, []reply{{200, `{"authenticated":false}`}}, client.ErrUnauthenticated, 1},
		{"session without id", session, []reply{{201, `{}`}}, client.ErrBadAnswer, 1},
		{"session, no answer", session, []reply{lost}, client.ErrUnavailable, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, s := scripted(t, tt.replies...)
			if err := tt.do(t.Context(), c); !errors.Is(err, tt.want) {
				t.Errorf("error = %v, want %v", err, tt.want)
			}
			if len(s.log()) != tt.asked {
				t.Errorf("asked %d times, want %d: %q", len(s.log()), tt.asked, s.log())
			}
		})
	}
}
