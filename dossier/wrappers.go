package dossier

import (
	"fmt"
	"strconv"

	"picket.internal/eat"
	"picket.internal/strictjson"
)

// openReceipt verifies a receipt by that key of its host's wrapper which has
// signed it. A wrapper that was installed anew has another key than before.
func (c *checker) openReceipt(host string, sealed []byte) (key *signer, r *eat.Receipt, digest string, err error) {
	err = fmt.Errorf("there is no key of its wrapper")
	for i := range c.wrapper {
		if c.wrapper[i].Host != host {
			continue
		}
		if r, digest, err = eat.OpenReceipt(sealed, c.wrapper[i].key); err == nil {
			return &c.wrapper[i], r, digest, nil
		}
	}
	return nil, nil, "", err
}

// keyWhenCame is the id of the key that the wrapper had when a receipt came: that
// of the last record of a key before the receipt's own. It is empty where nothing
// in the log tells of a key, or the receipt is not shown to be in it, and "no key"
// where all that is told of was told later. That no record of a key was left out
// of the dossier is not shown.
func (c *checker) keyWhenCame(r *eat.Receipt, digest string) (id string) {
	came := int64(-1)
	for _, one := range c.find(eat.EntryReceipt, r.Host+"/"+strconv.FormatUint(r.Seq, 10)) {
		if one.entry.SHA256 == digest && (came < 0 || one.index < came) {
			came = one.index
		}
	}
	told := c.find(eat.EntryConfig, eat.EventWrapperKey+"/"+r.Host)
	if came < 0 || len(told) == 0 {
		return ""
	}
	id, last := "no key", int64(-1)
	for _, one := range told {
		var change eat.LogChange
		if one.index > came || one.index < last {
			continue
		}
		if err := strictjson.Decode(one.doc, documentLimits, &change, func(string) {}); err != nil {
			id, last = "a key that cannot be read", one.index
			continue
		}
		id, last = change.Detail["key"], one.index
	}
	return id
}
