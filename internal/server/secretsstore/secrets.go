package secretsstore

import (
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/service/stores"
)

func listSecrets(c *call) (result, error) {
	st, err := c.store()
	if err != nil {
		return result{}, err
	}
	all, err := stores.Secrets(c.tx, c.owner, st.ID)
	return page(c, c.query().Secrets(all, c.now), len(all), c.secretOf), err
}

func createSecrets(c *call) (result, error) {
	st, err := c.store()
	if err != nil {
		return result{}, err
	}
	var in []struct {
		Name    string   `json:"name"`
		Value   string   `json:"value"`
		Scopes  []string `json:"scopes"`
		Comment string   `json:"comment"`
	}
	if err := decode(c.text, &in); err != nil || len(in) == 0 {
		return result{}, errInvalidJSON
	}
	var list []stores.New
	for _, n := range in {
		list = append(list, stores.New{Name: n.Name, Comment: n.Comment, Scopes: n.Scopes, Value: secret.TextOf(n.Value)})
	}
	made, err := stores.Create(c.tx, c.now, c.Rand, c.Keys, c.owner, st.ID, list)
	out := []secretBody{}
	for _, s := range made {
		out = append(out, c.secretOf(s))
	}
	return result{body: out}, err
}

func getSecret(c *call) (result, error) {
	it, err := c.secret()
	return result{body: c.secretOf(it)}, err
}

func updateSecret(c *call) (result, error) {
	it, err := c.secret()
	if err != nil {
		return result{}, err
	}
	var in struct {
		Name    *string  `json:"name"`
		Value   *string  `json:"value"`
		Scopes  []string `json:"scopes"`
		Comment *string  `json:"comment"`
	}
	if err := decodeObject(c.text, &in); err != nil {
		return result{}, err
	}
	change := stores.Change{Name: in.Name, Scopes: in.Scopes, Comment: in.Comment}
	if in.Value != nil {
		v := secret.TextOf(*in.Value)
		change.Value = &v
	}
	it, err = stores.Update(c.tx, c.now, c.Rand, c.Keys, c.owner, it.Store, it.ID, change)
	return result{body: c.secretOf(it)}, err
}

func deleteSecret(c *call) (result, error) {
	it, err := c.secret()
	if err != nil {
		return result{}, err
	}
	return result{}, stores.Delete(c.tx, c.owner, it.Store, it.ID)
}

// deleteSecrets takes {"ids":["…"]} or, of older clients, [{"id":"…"}].
func deleteSecrets(c *call) (result, error) {
	st, err := c.store()
	if err != nil {
		return result{}, err
	}
	var texts []string
	if isList(c.text) {
		var in []struct {
			ID string `json:"id"`
		}
		if err := decode(c.text, &in); err != nil {
			return result{}, err
		}
		for _, it := range in {
			texts = append(texts, it.ID)
		}
	} else {
		var in struct {
			IDs []string `json:"ids"`
		}
		if err := decodeObject(c.text, &in); err != nil {
			return result{}, err
		}
		texts = in.IDs
	}
	if texts == nil {
		return result{}, errInvalidJSON
	}
	var ids []stores.ID
	for _, text := range texts {
		id, err := stores.ParseID(text)
		if err != nil {
			return result{}, stores.ErrSecretNotFound
		}
		ids = append(ids, id)
	}
	return result{}, stores.Delete(c.tx, c.owner, st.ID, ids...)
}

func duplicateSecret(c *call) (result, error) {
	it, err := c.secret()
	if err != nil {
		return result{}, err
	}
	var in struct {
		Name    string   `json:"name"`
		Scopes  []string `json:"scopes"`
		Comment string   `json:"comment"`
	}
	if err := decodeObject(c.text, &in); err != nil {
		return result{}, err
	}
	n := stores.New{Name: in.Name, Scopes: in.Scopes, Comment: in.Comment}
	made, err := stores.Duplicate(c.tx, c.now, c.Rand, c.Keys, c.owner, it.Store, it.ID, n)
	return result{body: c.secretOf(made)}, err
}
