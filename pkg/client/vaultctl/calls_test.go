package vaultctl_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keyhold/keyhold/pkg/client"
	"github.com/keyhold/keyhold/pkg/client/vaultctl"
)

// Answers of both dialects, and what they say.
const (
	docsVault = `{"vaultId":"v1","vaultName":"home","vaultType":"shared","orgId":"o1","role":"owner","encryptedVaultKey":"` + b64 +
		`","senderId":"u1","wrapSignature":"` + b64 + `","createdAt":"2025-01-02T03:04:05Z"}`
	codeVault = `{"id":"v1","name":"home","type":"shared","orgId":"o1","role":"owner","encryptedVaultKey":"` + b64 +
		`","senderId":"u1","wrapSignature":"` + b64 + `","createdAt":"2025-01-02T03:04:05Z"}`
	docsItem = `{"itemId":"i1","vaultId":"v1","folderId":null,"itemType":"note","encryptedData":"` + b64 + `","encryptedName":"` + b64 +
		`","favorite":true,"reprompt":false,"trashedAt":null,"createdAt":"2025-01-02T03:04:05Z","updatedAt":"2025-01-02T03:04:05Z","later":{}}`
	codeItem = `{"id":"i1","vaultId":"v1","itemType":"secure_note","encryptedData":"` + b64 + `","encryptedName":"` + b64 +
		`","favorite":true,"reprompt":false,"trashed":false,"createdAt":"2025-01-02T03:04:05Z","updatedAt":"2025-01-02T03:04:05Z"}`
	member = `{"userId":"u2","role":"member","encryptedVaultKey":"` + b64 + `","senderId":"u1","wrapSignature":"` + b64 + `","addedAt":"2025-01-02T03:04:05Z"}`
	keys   = `"publicKey":"` + b64 + `","publicKeySignature":"` + b64 + `","identityPublicKey":"` + b64 + `"`
	tokens = `"accessToken":"a","refreshToken":"r","refreshExpiresAt":"2025-01-02T03:04:05Z"`
)

var (
	day       = time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC)
	wantVault = vaultctl.Vault{
		ID: "v1", Name: "home", Type: "shared", OrgID: "o1", Role: "owner", EncryptedVaultKey: bits,
		SenderID: "u1", WrapSignature: bits, CreatedAt: day,
	}
	wantItem = vaultctl.Item{
		ID: "i1", VaultID: "v1", Type: "secure_note", EncryptedData: bits, EncryptedName: bits, Favorite: true, CreatedAt: day, UpdatedAt: day,
	}
	wantMember = vaultctl.Member{UserID: "u2", Role: "member", EncryptedVaultKey: bits, SenderID: "u1", WrapSignature: bits, AddedAt: day}
	wantUser   = vaultctl.User{UserID: "u2", Email: "a@example.com", PublicKey: bits, PublicKeySignature: bits, IdentityPublicKey: bits}
	wantTokens = vaultctl.Tokens{AccessToken: client.NewSecret("a"), RefreshToken: client.NewSecret("r"), RefreshExpiresAt: day}
	accountKey = vaultctl.AccountKeys{
		EncryptedPrivateKey: bits, EncryptedIdentityPrivateKey: bits, PublicKey: bits, PublicKeySignature: bits, IdentityPublicKey: bits,
	}
	hash = client.NewSecret(string(bits))
)

// A call is one method of the client, what it sends and what it returns.
type call struct {
	name    string
	do      func(context.Context, *vaultctl.Client) (any, error)
	replies []reply
	asked   []string
	want    any
}

func with[T any](v T, err error) (any, error) { return v, err }

func none(err error) (any, error) { return nil, err }

func run(t *testing.T, calls []call) {
	t.Helper()
	for _, tt := range calls {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, s := scripted(t, tt.replies...)
			got, err := tt.do(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.asked, s.asked); d != "" {
				t.Errorf("asked (-want +got):\n%s", d)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("result (-want +got):\n%s", d)
			}
		})
	}
}

func TestAuth(t *testing.T) {
	t.Parallel()
	const keyMembers = `"encryptedPrivateKey":"` + b64 + `","encryptedIdentityPrivateKey":"` + b64 + `",` + keys
	run(t, []call{
		{
			"prelogin",
			func(ctx context.Context, c *vaultctl.Client) (any, error) {
				return with(c.Auth.Prelogin(ctx, "a+b@example.com"))
			},
			[]reply{{200, `{"salt":"` + b64 + `","iterations":3,"memoryKB":65536,"parallelism":4}`}},
			[]string{"GET /api/v1/auth/prelogin?email=a%2Bb%40example.com anonymous"},
			&vaultctl.KDF{Salt: bits, Iterations: 3, MemoryKB: 65536, Parallelism: 4},
		},
		{
			"register",
			func(ctx context.Context, c *vaultctl.Client) (any, error) {
				return with(c.Auth.Register(ctx, vaultctl.RegisterRequest{
					Email: "a@example.com", Name: "A", AuthHash: hash, Salt: bits, KDFIterations: 3, KDFMemoryKB: 65536, KDFParallelism: 4,
					Preflight: client.NewSecret("any"), AccountKeys: accountKey,
				}))
			},
			[]reply{{201, `{"userId":"u1","role":"owner"}`}},
			[]string{`POST /api/v1/auth/register {"email":"a@example.com","name":"A","salt":"` + b64 +
				`","kdfIterations":3,"kdfMemoryKB":65536,"kdfParallelism":4,"masterPasswordPreflight":"any",` + keyMembers +
				`,"authHash":"` + b64 + `"} anonymous`},
			&vaultctl.Registration{UserID: "u1", Role: "owner"},
		},
		{
			"login",
			func(ctx context.Context, c *vaultctl.Client) (any, error) {
				return with(c.Auth.Login(ctx, vaultctl.LoginRequest{Email: "a@example.com", AuthHash: hash, DeviceName: "d"}))
			},
			[]reply{{200, `{"userId":"u1","role":"member","sessionId":"s1","upgradeAuthHash":true,` + tokens + `,` + keyMembers + `,"vaults":[` + docsVault + `]}`}},
			[]string{`POST /api/v1/auth/login {"email":"a@example.com","deviceName":"d","authHash":"` + b64 + `"} anonymous`},
			&vaultctl.Session{
				Tokens: wantTokens, AccountKeys: accountKey, UserID: "u1", Role: "member", SessionID: "s1", Vaults: []vaultctl.Vault{wantVault},
			},
		},
		{
			"login with a code",
			func(ctx context.Context, c *vaultctl.Client) (any, error) {
				_, err := c.Auth.Login(ctx, vaultctl.LoginRequest{AuthHash: hash, TOTPCode: client.NewSecret("123456")})
				return none(err)
			},
			[]reply{{200, `{"userId":"u1",` + tokens + `}`}},
			[]string{`POST /api/v1/auth/login {"email":"","deviceName":"","totpCode":"123456","authHash":"` + b64 + `"} anonymous`},
			nil,
		},
		{
			"refresh",
			func(ctx context.Context, c *vaultctl.Client) (any, error) {
				return with(c.Auth.Refresh(ctx, client.NewSecret("old")))
			},
			[]reply{{200, `{` + tokens + `}`}},
			[]string{`POST /api/v1/auth/refresh {"refreshToken":"old"} anonymous`},
			&wantTokens,
		},
		{
			"logout is repeated",
			func(ctx context.Context, c *vaultctl.Client) (any, error) {
				return none(c.Auth.Logout(ctx, client.NewSecret("old")))
			},
			[]reply{{503, ""}, {204, ""}},
			[]string{`POST /api/v1/auth/logout {"refreshToken":"old"} anonymous`, `POST /api/v1/auth/logout {"refreshToken":"old"} anonymous`},
			nil,
		},
		{
			"step-up",
			func(ctx context.Context, c *vaultctl.Client) (any, error) { return with(c.Auth.StepUp(ctx, hash)) },
			[]reply{{200, `{"accessToken":"up"}`}},
			[]string{`POST /api/v1/auth/step-up {"authHash":"` + b64 + `"}`},
			client.NewSecret("up"),
		},
		{
			"password",
			func(ctx context.Context, c *vaultctl.Client) (any, error) {
				return with(c.Auth.ChangePassword(ctx, vaultctl.PasswordRequest{
					OldAuthHash: hash, NewAuthHash: client.NewSecret("n"), EncryptedPrivateKey: bits, EncryptedIdentityPrivateKey: bits,
					KDF:       &vaultctl.PasswordKDF{Salt: bits, KDFIterations: 4, KDFMemoryKB: 65536, KDFParallelism: 4},
					VaultKeys: []vaultctl.VaultWrap{{VaultID: "v1", EncryptedVaultKey: bits, WrapSignature: bits}},
				}))
			},
			[]reply{{200, `{` + tokens + `}`}},
			[]string{`POST /api/v1/auth/password/change {"encryptedPrivateKey":"` + b64 + `","encryptedIdentityPrivateKey":"` + b64 +
				`","salt":"` + b64 + `","kdfIterations":4,"kdfMemoryKB":65536,"kdfParallelism":4,"vaultKeys":[{"vaultId":"v1","encryptedVaultKey":"` +
				b64 + `","wrapSignature":"` + b64 + `"}],"oldAuthHash":"` + b64 + `","newAuthHash":"bg=="}`},
			&wantTokens,
		},
		{
			"password as documented",
			func(ctx context.Context, c *vaultctl.Client) (any, error) {
				return with(c.Auth.ChangePassword(ctx, vaultctl.PasswordRequest{OldAuthHash: hash, NewAuthHash: hash}))
			},
			[]reply{{200, `{` + tokens + `}`}},
			[]string{`POST /api/v1/auth/password/change {"encryptedPrivateKey":"","encryptedIdentityPrivateKey":"","oldAuthHash":"` + b64 + `","newAuthHash":"` + b64 + `"}`},
			&wantTokens,
		},
	})
}

func TestVaults(t *testing.T) {
	t.Parallel()
	list := func(ctx context.Context, c *vaultctl.Client) (any, error) { return with(c.Vaults.List(ctx)) }
	create := func(req vaultctl.CreateVaultRequest) func(context.Context, *vaultctl.Client) (any, error) {
		return func(ctx context.Context, c *vaultctl.Client) (any, error) { return with(c.Vaults.Create(ctx, req)) }
	}
	rekey := func(ctx context.Context, c *vaultctl.Client) (any, error) {
		return none(c.Vaults.Rekey(ctx, "v1", vaultctl.RekeyRequest{
			NewKeys:    []vaultctl.MemberKey{{UserID: "u1", EncryptedVaultKey: bits, WrapSignature: bits}},
			Items:      []vaultctl.SealedItem{{ItemID: "i1", EncryptedData: bits, EncryptedName: bits}},
			KeyVersion: 1, Revision: 5,
		}))
	}
	const rekeyBody = ` {"newKeys":[{"userId":"u1","encryptedVaultKey":"` + b64 + `","wrapSignature":"` + b64 +
		`"}],"items":[{"itemId":"i1","encryptedData":"` + b64 + `","encryptedName":"` + b64 + `"}],"keyVersion":1,"revision":5}`
	const created = `"name":"home","type":"shared",`
	const wrap = `"encryptedVaultKey":"` + b64 + `","wrapSignature":"` + b64 + `"}`
	shared := vaultctl.CreateVaultRequest{Name: "home", Type: "shared", EncryptedVaultKey: bits, WrapSignature: bits}
	mine := shared
	mine.ID, mine.Type = "v1", "personal"
	numbers := wantVault
	numbers.KeyVersion, numbers.Revision, numbers.UpdatedAt = 2, 9, day
	run(t, []call{
		{"list, documented", list, []reply{{200, `{"vaults":[` + docsVault + `],"more":1}`}}, []string{"GET /api/v1/vaults"}, []vaultctl.Vault{wantVault}},
		{"list, released", list, []reply{{200, `[` + codeVault + `]`}}, []string{"GET /api/v1/vaults"}, []vaultctl.Vault{wantVault}},
		{
			"list, both", list,
			[]reply{{200, `[` + codeVault[:len(codeVault)-1] + `,"vaultId":"v1","vaultName":"home","vaultType":"shared","keyVersion":2,"revision":9,"updatedAt":"2025-01-02T03:04:05Z"}]`}},
			[]string{"GET /api/v1/vaults"}, []vaultctl.Vault{numbers},
		},
		{"list, none", list, []reply{{200, `null`}}, []string{"GET /api/v1/vaults"}, []vaultctl.Vault{}},
		{"list, empty", list, []reply{{200, `{"vaults":null}`}}, []string{"GET /api/v1/vaults"}, []vaultctl.Vault{}},
		{
			"create", create(mine),
			[]reply{{201, codeVault}},
			[]string{`POST /api/v1/vaults {"vaultId":"v1","name":"home","type":"personal",` + wrap},
			&wantVault,
		},
		{
			"create in the owner's organisation", create(shared),
			[]reply{refusal(400, "INVALID", "org_id"), {200, `[{"id":"o0","name":"A","role":"member"},{"id":"o1","name":"B","role":"owner"}]`}, {201, codeVault}},
			[]string{`POST /api/v1/vaults {` + created + wrap, "GET /api/v1/orgs", `POST /api/v1/vaults {` + created + `"orgId":"o1",` + wrap},
			&wantVault,
		},
		{
			"create in the first organisation", create(shared),
			[]reply{refusal(400, "INVALID", "orgId"), {200, `{"orgs":[{"orgId":"o0","orgName":"A"},{"orgId":"o1","orgName":"B"}]}`}, {201, docsVault}},
			[]string{`POST /api/v1/vaults {` + created + wrap, "GET /api/v1/orgs", `POST /api/v1/vaults {` + created + `"orgId":"o0",` + wrap},
			&wantVault,
		},
		{
			"rename",
			func(ctx context.Context, c *vaultctl.Client) (any, error) {
				return none(c.Vaults.Rename(ctx, "v/1", "new"))
			},
			[]reply{{200, docsVault}},
			[]string{`PATCH /api/v1/vaults/v%2F1 {"name":"new"}`},
			nil,
		},
		{
			"delete",
			func(ctx context.Context, c *vaultctl.Client) (any, error) { return none(c.Vaults.Delete(ctx, "v1")) },
			[]reply{{204, ""}},
			[]string{"DELETE /api/v1/vaults/v1"},
			nil,
		},
		{"rekey", rekey, []reply{{204, ""}}, []string{"POST /api/v1/vaults/v1/rekey" + rekeyBody}, nil},
		{
			"rekey, released", rekey,
			[]reply{{404, ""}, {204, ""}},
			[]string{"POST /api/v1/vaults/v1/rekey" + rekeyBody, "PUT /api/v1/vaults/v1/rekey" + rekeyBody},
			nil,
		},
		{
			"rekey, no POST", rekey,
			[]reply{{405, ""}, {204, ""}},
			[]string{"POST /api/v1/vaults/v1/rekey" + rekeyBody, "PUT /api/v1/vaults/v1/rekey" + rekeyBody},
			nil,
		},
	})
}

func TestItems(t *testing.T) {
	t.Parallel()
	list := func(opt vaultctl.ListItemsOptions) func(context.Context, *vaultctl.Client) (any, error) {
		return func(ctx context.Context, c *vaultctl.Client) (any, error) {
			return with(c.Items.List(ctx, "v1", opt))
		}
	}
	full := vaultctl.ItemRequest{
		ID: "i1", Type: "secure_note", EncryptedData: bits, EncryptedName: bits, FolderID: "f1", Favorite: true, Reprompt: true, KeyVersion: 1, Revision: 4,
	}
	const parts = `"encryptedData":"` + b64 + `","encryptedName":"` + b64 + `","folderId":"f1","favorite":true,"reprompt":true,"keyVersion":1,"revision":4}`
	const bare = `"encryptedData":"` + b64 + `","encryptedName":"` + b64 + `","favorite":false,"reprompt":false}`
	create := func(ctx context.Context, c *vaultctl.Client) (any, error) {
		return with(c.Items.Create(ctx, "v1", vaultctl.ItemRequest{Type: "note", EncryptedData: bits, EncryptedName: bits}))
	}
	items := []vaultctl.Item{wantItem}
	numbers := wantItem
	numbers.KeyVersion, numbers.Revision = 1, 5
	run(t, []call{
		{"list, documented", list(vaultctl.ListItemsOptions{}), []reply{{200, `{"items":[` + docsItem + `]}`}}, []string{"GET /api/v1/vaults/v1/items"}, items},
		{"list, released", list(vaultctl.ListItemsOptions{}), []reply{{200, `[` + codeItem + `]`}}, []string{"GET /api/v1/vaults/v1/items"}, items},
		{
			"list, a choice", list(vaultctl.ListItemsOptions{Type: "note", FolderID: "f 1", Favorites: true}),
			[]reply{{200, `[` + codeItem + `,{"id":"i2","itemType":"login"}]`}},
			[]string{"GET /api/v1/vaults/v1/items?favorites=true&folderId=f+1"}, items,
		},
		{
			"get",
			func(ctx context.Context, c *vaultctl.Client) (any, error) { return with(c.Items.Get(ctx, "v1", "I1")) },
			[]reply{{200, docsItem}}, []string{"GET /api/v1/vaults/v1/items/I1"}, &wantItem,
		},
		{"create", create, []reply{{201, codeItem}}, []string{`POST /api/v1/vaults/v1/items {"itemType":"secure_note",` + bare}, &wantItem},
		{
			"create, the other spelling", create, []reply{refusal(400, "INVALID", "itemType"), {201, docsItem}},
			[]string{`POST /api/v1/vaults/v1/items {"itemType":"secure_note",` + bare, `POST /api/v1/vaults/v1/items {"itemType":"note",` + bare}, &wantItem,
		},
		{
			"create, the other spelling after a fault", create, []reply{refusal(500, "INTERNAL", ""), {201, docsItem}},
			[]string{`POST /api/v1/vaults/v1/items {"itemType":"secure_note",` + bare, `POST /api/v1/vaults/v1/items {"itemType":"note",` + bare}, &wantItem,
		},
		{
			"create with all there is",
			func(ctx context.Context, c *vaultctl.Client) (any, error) {
				return with(c.Items.Create(ctx, "v1", full))
			},
			[]reply{{201, codeItem}}, []string{`POST /api/v1/vaults/v1/items {"itemId":"i1","itemType":"secure_note",` + parts}, &wantItem,
		},
		{
			"put",
			func(ctx context.Context, c *vaultctl.Client) (any, error) { return with(c.Items.Put(ctx, "v1", full)) },
			[]reply{{200, codeItem}}, []string{"PUT /api/v1/vaults/v1/items/i1 {" + parts}, &wantItem,
		},
		{
			"delete",
			func(ctx context.Context, c *vaultctl.Client) (any, error) {
				return none(c.Items.Delete(ctx, "v1", "i1", 7))
			},
			[]reply{{204, ""}}, []string{"DELETE /api/v1/vaults/v1/items/i1?revision=7"}, nil,
		},
		{
			"delete at any revision",
			func(ctx context.Context, c *vaultctl.Client) (any, error) {
				return none(c.Items.Delete(ctx, "v1", "i1", 0))
			},
			[]reply{{204, ""}}, []string{"DELETE /api/v1/vaults/v1/items/i1"}, nil,
		},
		{
			"changes",
			func(ctx context.Context, c *vaultctl.Client) (any, error) {
				return with(c.Items.Changes(ctx, "v1", vaultctl.ChangeRequest{
					KeyVersion: 1, Put: []vaultctl.ItemRequest{full}, Delete: []vaultctl.ItemRef{{ItemID: "i2", Revision: 3}},
				}))
			},
			[]reply{{200, `{"revision":5,"items":[` + codeItem[:len(codeItem)-1] + `,"keyVersion":1,"revision":5}]}`}},
			[]string{`POST /api/v1/vaults/v1/changes {"keyVersion":1,"put":[{"itemId":"i1","itemType":"secure_note",` + parts + `],"delete":[{"itemId":"i2","revision":3}]}`},
			&vaultctl.ChangeResult{Revision: 5, Items: []vaultctl.Item{numbers}},
		},
		{
			"no changes",
			func(ctx context.Context, c *vaultctl.Client) (any, error) {
				return with(c.Items.Changes(ctx, "v1", vaultctl.ChangeRequest{KeyVersion: 1}))
			},
			[]reply{{200, `{"revision":5}`}}, []string{`POST /api/v1/vaults/v1/changes {"keyVersion":1,"put":[],"delete":[]}`},
			&vaultctl.ChangeResult{Revision: 5, Items: []vaultctl.Item{}},
		},
	})
}

func TestTrash(t *testing.T) {
	t.Parallel()
	trashed := wantItem
	trashed.Trashed = true
	dated := trashed
	dated.TrashedAt = day
	list := func(ctx context.Context, c *vaultctl.Client) (any, error) { return with(c.Trash.List(ctx, "v1")) }
	restore := func(ctx context.Context, c *vaultctl.Client) (any, error) {
		return with(c.Trash.Restore(ctx, "v1", "i1"))
	}
	run(t, []call{
		{"list, documented", list, []reply{{200, `{"items":[` + docsItem[:len(docsItem)-1] + `,"x":1}]}`}}, []string{"GET /api/v1/vaults/v1/trash"}, []vaultctl.Item{trashed}},
		{
			"list, dated", list,
			[]reply{{200, `{"items":[{"itemId":"i1","vaultId":"v1","itemType":"note","encryptedData":"` + b64 + `","encryptedName":"` + b64 +
				`","favorite":true,"trashedAt":"2025-01-02T03:04:05Z","createdAt":"2025-01-02T03:04:05Z","updatedAt":"2025-01-02T03:04:05Z"}]}`}},
			[]string{"GET /api/v1/vaults/v1/trash"},
			[]vaultctl.Item{dated},
		},
		{"list, released", list, []reply{{200, `[` + codeItem + `]`}}, []string{"GET /api/v1/vaults/v1/trash"}, []vaultctl.Item{trashed}},
		{"restore, documented", restore, []reply{{200, docsItem}}, []string{"POST /api/v1/vaults/v1/trash/i1/restore"}, &wantItem},
		{
			"restore, released", restore, []reply{{204, ""}, {200, codeItem}},
			[]string{"POST /api/v1/vaults/v1/trash/i1/restore", "GET /api/v1/vaults/v1/items/i1"}, &wantItem,
		},
		{
			"purge",
			func(ctx context.Context, c *vaultctl.Client) (any, error) {
				return none(c.Trash.Purge(ctx, "v1", "i1"))
			},
			[]reply{{204, ""}}, []string{"DELETE /api/v1/vaults/v1/trash/i1"}, nil,
		},
		{
			"purge all",
			func(ctx context.Context, c *vaultctl.Client) (any, error) { return with(c.Trash.PurgeAll(ctx, "v1")) },
			[]reply{{200, `{"purged":3}`}}, []string{"DELETE /api/v1/vaults/v1/trash"}, 3,
		},
	})
}
