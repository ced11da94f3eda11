package dossier

import (
	"bytes"
	"maps"
	"slices"
	"strconv"
	"strings"

	"picket.internal/api"
	"picket.internal/eat"
	"picket.internal/envelope"
	"picket.internal/strictjson"
)

// responses checks what the alert led to.
func (c *checker) responses() {
	if len(c.d.Alert.Responses) == 0 {
		c.say(NotShown, "responses", "the hub says that the alert led to nothing")
		return
	}
	for i := range c.d.Alert.Responses {
		r := &c.d.Alert.Responses[i]
		o := c.token(r)
		c.approvals(r, o)
		for j := range r.Receipts {
			c.receipt(r, &r.Receipts[j], o)
		}
		c.ended(r)
	}
}

// ended holds the state of a response to its receipts: what the wrapper did is
// its word alone.
func (c *checker) ended(r *api.Response) {
	need := map[string][]string{
		api.ResponseDone:    {eat.OutcomeDone, eat.OutcomeAlreadyGone},
		api.ResponseRefused: {eat.OutcomeRefused},
		api.ResponseUndone:  {eat.OutcomeUndone, eat.OutcomeAutoUndone},
	}[r.State]
	if need != nil && !slices.ContainsFunc(r.Receipts, func(s api.ResponseReceipt) bool { return slices.Contains(need, s.Outcome) }) {
		c.say(False, "receipt", "response %.40s is %s, and no receipt says so", r.ID, r.State)
	}
}

// revoked reports whether one of the keys that signed is no longer believed.
// When it signed is not known to anybody but the hub.
func (c *checker) revoked(signatures []envelope.Signature) bool {
	return slices.ContainsFunc(signatures, func(s envelope.Signature) bool { return slices.Contains(c.keys.Trust.Revoked, s.Key.ID()) })
}

// token verifies the newest token of a response; nil where there is none that
// verifies.
func (c *checker) token(r *api.Response) *eat.Opened {
	if r.Token == nil {
		switch r.State {
		case api.ResponseDryRun, api.ResponseWaiting, api.ResponseQueued, api.ResponseRejected, api.ResponseFailed, api.ResponseExpired:
			c.say(NotShown, "response", "%.40s of %.40s is %s, says the hub: no token was made", r.ID, r.Action, r.State)
		default:
			c.say(False, "token", "response %.40s is %.40s, and there is no token of it", r.ID, r.State)
		}
		return nil
	}
	var hub, all []envelope.PublicKey
	for _, k := range c.keys.Trust.HubKeys {
		hub = append(hub, k.Key)
	}
	all = slices.Clone(hub)
	for _, o := range c.keys.Trust.Operators {
		all = append(all, o.Key)
	}
	if _, err := eat.Open(r.Token.Envelope, hub...); err != nil {
		c.say(False, "token", "%.40s is not the hub's: %v", r.Token.ID, err)
		return nil
	}
	o, err := eat.Open(r.Token.Envelope, all...)
	if err != nil {
		c.say(False, "token", "%.40s: %v", r.Token.ID, err)
		return nil
	}
	t := &o.Token
	args, err := strictjson.Encode(t.Args)
	said, err2 := eat.ParseArgs(r.Action, r.Args)
	var want []byte
	if err == nil && err2 == nil {
		want, err = strictjson.Encode(said)
	}
	switch {
	case err != nil || err2 != nil || t.Action() != r.Action || !bytes.Equal(args, want):
		c.say(False, "token", "%s asks for another action than response %.40s says", t.ID, r.ID)
	case t.ID != r.Token.ID || o.SHA256 != r.Token.SHA256 || t.Host != r.Host.ID || t.Hub != c.keys.Trust.Hub || t.Reason != r.Reason || t.Policy != r.Policy:
		c.say(False, "token", "%s names another id, host, hub, policy or reason than response %.40s says", t.ID, r.ID)
	case !c.logs(eat.EntryToken, t.ID, o.SHA256):
		c.say(False, "token", "%s is not shown to be in the log", t.ID)
	case r.Alert == c.d.Alert.ID && !strings.HasPrefix(t.Reason, "alert "+r.Alert):
		c.say(False, "token", "%s does not name the alert as its reason", t.ID)
	case c.revoked(o.Signatures):
		c.say(NotShown, "token", "%s is signed with a key that is revoked by now", t.ID)
	default:
		c.say(OK, "token", "%s of %s on %s, signed by the hub and in the log", t.ID, t.Action(), t.Host)
	}
	return o
}

// logs reports whether the log is shown to hold a document.
func (c *checker) logs(kind, id, sha256 string) bool {
	return slices.ContainsFunc(c.find(kind, id), func(r record) bool { return r.entry.SHA256 == sha256 })
}

// approvals checks who signed: the signatures in the token's envelope, and what
// the log says of each.
func (c *checker) approvals(r *api.Response, o *eat.Opened) {
	if o == nil {
		return
	}
	names := map[string]envelope.Signature{}
	for _, op := range c.keys.Trust.Operators {
		for _, s := range o.Signatures {
			if s.Key == op.Key {
				names[op.Name] = s
			}
		}
	}
	unknown := 0
	for _, name := range r.Token.SignedBy {
		s, ok := names[name]
		switch {
		case !slices.ContainsFunc(c.keys.Trust.Operators, func(op eat.Operator) bool { return op.Name == name }):
			unknown++
			c.say(NotShown, "approval", "%.80s is said to have signed, and the trust store has no operator of that name", name)
		case !ok:
			c.say(False, "approval", "%.80s is said to have signed %s, and no signature of an operator of that name verifies", name, o.Token.ID)
		case !c.approvalLogged(r.ID, name, o, s.Sig):
			c.say(False, "approval", "the signature of %s is not shown to be in the log", name)
		default:
			c.say(OK, "approval", "%s signed %s, and the log has it", name, o.Token.ID)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if !slices.Contains(r.Token.SignedBy, name) {
			c.say(False, "approval", "%s has signed %s, and the response does not say so", name, o.Token.ID)
		}
	}
	acted := slices.Contains([]string{api.ResponseIssued, api.ResponseDelivered, api.ResponseDone, api.ResponseUndone}, r.State)
	switch broken := c.changes("response.break_glass", r.ID); {
	case r.BreakGlass != "" && (len(broken) != 1 || broken[0].Detail["reason"] != r.BreakGlass):
		c.say(False, "break-glass", "the log does not say that the glass was broken for response %.40s, or gives another reason", r.ID)
	case r.BreakGlass != "":
		c.say(OK, "break-glass", "by the access token %s, signed by %s operators, says the log", broken[0].By, broken[0].Detail["signed"])
	case acted && len(names)+unknown < r.Signatures:
		c.say(False, "approval", "the response is %s with %d signatures where %d are asked for", r.State, len(names), r.Signatures)
	}
}

func (c *checker) approvalLogged(response, name string, o *eat.Opened, sig []byte) bool {
	return slices.ContainsFunc(c.find(eat.EntryApproval, response+"/"+name), func(r record) bool {
		var a eat.LogApproval
		err := strictjson.Decode(r.doc, documentLimits, &a, func(string) {})
		return err == nil && a.Token == o.Token.ID && a.TokenSHA256 == o.SHA256 && a.Operator == name && a.Verdict == "approved" && bytes.Equal(a.Sig, sig)
	})
}

// receipt verifies the wrapper's word.
func (c *checker) receipt(r *api.Response, s *api.ResponseReceipt, o *eat.Opened) {
	key, got, digest, err := c.openReceipt(r.Host.ID, s.Envelope)
	if err != nil {
		c.say(False, "receipt", "number %d of %.80s: %v", s.Seq, r.Host.ID, err)
		return
	}
	c.seen(got)
	counted := c.keyWhenCame(got, digest)
	switch {
	case got.Host != r.Host.ID || got.Action != r.Action:
		c.say(False, "receipt", "number %d is of %s on %s", got.Seq, got.Action, got.Host)
	case got.Seq != s.Seq || got.Outcome != s.Outcome || got.Refusal != s.Refusal || got.Detail != s.Detail || !maps.Equal(got.Effect, s.Effect) || !got.LeaseEnd.Equal(s.LeaseEnd) || !got.Time.Equal(s.Time):
		c.say(False, "receipt", "number %d says otherwise than the response does", got.Seq)
	case o != nil && got.Token == o.Token.ID && got.TokenSHA256 != o.SHA256:
		c.say(False, "receipt", "number %d is of another token with the id %s", got.Seq, got.Token)
	case !c.logs(eat.EntryReceipt, r.Host.ID+"/"+strconv.FormatUint(got.Seq, 10), digest):
		c.say(False, "receipt", "number %d is not shown to be in the log", got.Seq)
	case counted != "" && counted != key.key.ID():
		c.say(False, "receipt", "number %d is signed by %s, and when it came the key of the wrapper was %.80s, says the log", got.Seq, key.key.ID(), counted)
	case !key.bound:
		c.say(NotShown, "receipt", "number %d: %s, signed by a key that is not shown to be the wrapper's", got.Seq, got.Outcome)
	case o == nil || got.Token != o.Token.ID:
		c.say(NotShown, "receipt", "number %d: %s, of an earlier token, which is not here", got.Seq, got.Outcome)
	default:
		c.say(OK, "receipt", "number %d: %s, signed by the wrapper of %s and in the log", got.Seq, got.Outcome, got.Host)
	}
}
