package secretsstore

import (
	"strconv"

	"github.com/keyhold/keyhold/internal/service/stores"
)

func getQuota(c *call) (result, error) {
	usage, err := stores.Usage(c.tx, c.owner)
	type quota struct {
		Quota int `json:"quota"`
		Usage int `json:"usage"`
	}
	return result{body: map[string]quota{"secrets": {stores.MaxSecrets, usage}}}, err
}

func listStores(c *call) (result, error) {
	all, err := stores.Stores(c.tx, c.owner)
	return page(c, c.query().Stores(all), len(all), storeOf), err
}

// createStore takes an object, or a list of one, and answers with the same.
func createStore(c *call) (result, error) {
	type request struct {
		Name   string `json:"name"`
		Number uint64 `json:"account_id"` // the internal number; of services alone
	}
	list := []request{{}}
	older := isList(c.text) && c.route.door == customer
	if older {
		if err := decode(c.text, &list); err != nil {
			return result{}, err
		}
		if len(list) != 1 {
			return result{}, errInvalidJSON
		}
	} else if err := decodeObject(c.text, &list[0]); err != nil {
		return result{}, err
	}
	if c.route.door == customer {
		list[0].Number = 0
	}
	st, err := stores.CreateStore(c.tx, c.now, c.Rand, c.owner, stores.NewStore{Name: list[0].Name, Number: list[0].Number})
	if older {
		return result{body: []storeBody{storeOf(st)}}, err
	}
	return result{body: storeOf(st)}, err
}

func getStore(c *call) (result, error) {
	st, err := c.store()
	return result{body: storeOf(st)}, err
}

func deleteStore(c *call) (result, error) {
	st, err := c.store()
	if err != nil {
		return result{}, err
	}
	force, _ := strconv.ParseBool(c.r.URL.Query().Get("force"))
	return result{}, stores.DeleteStore(c.tx, c.owner, st.ID, force)
}
