package api

import (
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"picket.internal/fact"
)

// What has become of a response.
const (
	ResponseDryRun    = "dry_run"    // recorded: nothing is done
	ResponseWaiting   = "waiting"    // for a person; Why says what for
	ResponseQueued    = "queued"     // decided, and the host is not connected
	ResponseIssued    = "issued"     // there is a token that holds
	ResponseDelivered = "delivered"  // the host has fetched it
	ResponseDone      = "done"       // it took effect
	ResponseRefused   = "refused"    // the wrapper refused it
	ResponseFailed    = "failed"     // it did not take effect, or could not be asked for
	ResponseUndone    = "undone"     // it took effect and was taken back
	ResponseUnknown   = "unknown"    // the wrapper was ended in between
	ResponseNoReceipt = "no_receipt" // fetched, expired, and nobody said what became of it
	ResponseExpired   = "expired"    // nobody fetched it in time
	ResponseRejected  = "rejected"   // a person said no
)

// ResponseStates lists every state.
var ResponseStates = []string{ResponseDryRun, ResponseWaiting, ResponseQueued, ResponseIssued, ResponseDelivered, ResponseDone, ResponseRefused,
	ResponseFailed, ResponseUndone, ResponseUnknown, ResponseNoReceipt, ResponseExpired, ResponseRejected}

// ModeManual is the mode of a response that a person asked for; the others are
// those of policies.
const ModeManual = "manual"

// ByHub is who decided about what the hub asks by itself.
const ByHub = "hub"

// ModeSchedule is the mode of what the hub asks by itself, which changes nothing:
// attestations. Lists leave it out unless it is asked for.
const ModeSchedule = "schedule"

// Response is what an alert led to, or a person asked for: one action on one host.
type Response struct {
	// ID is a ULID. Ids grow in the order of making.
	ID string `json:"id"`
	// Host is the host that it is for.
	Host fact.Host `json:"host"`
	// Action is the action, as in "suspend_process".
	Action string `json:"action"`
	// Args are its arguments.
	Args jsontext.Value `json:"args"`
	// Mode is dry_run, ask, auto, manual or schedule.
	Mode string `json:"mode"`
	// State is what has become of it.
	State string `json:"state"`
	// Why says why it is in this state; empty where the state says it all.
	Why string `json:"why,omitempty"`
	// Reason is what the token says as its reason.
	Reason string `json:"reason"`
	// Policy and Title are those of the policy; empty where a person asked.
	Policy string `json:"policy,omitempty"`
	Title  string `json:"title,omitempty"`
	// Alert is the alert that led to it; Alerts are all that belong to it.
	Alert  string   `json:"alert,omitempty"`
	Alerts []string `json:"alerts,omitempty"`
	// Undoes is the response that it takes back.
	Undoes string `json:"undoes,omitempty"`
	// Signatures is how many operators must sign; 0 means that a yes is enough.
	Signatures int `json:"signatures"`
	// BreakGlass is why a person went over the hub's own brakes; empty where nobody did.
	BreakGlass string `json:"break_glass,omitempty"`
	// DecidedBy is the access token over which a person decided, or "hub".
	DecidedBy string `json:"decided_by,omitempty"`
	// Created and Changed are by the hub's clock, UTC.
	Created time.Time `json:"created"`
	Changed time.Time `json:"changed"`
	// Token is its newest token; nil where none was made.
	Token *ResponseToken `json:"token,omitempty"`
	// Receipts are what the wrapper said of the token, oldest first.
	Receipts []ResponseReceipt `json:"receipts,omitempty"`
	// Evidence is what it gathered; nil where it gathers none, or no receipt of it came.
	Evidence *Evidence `json:"evidence,omitempty"`
}

// ResponseToken is a token as the hub keeps it.
type ResponseToken struct {
	// ID is the token's id.
	ID string `json:"id"`
	// SHA256 is the digest of its signed bytes.
	SHA256 string `json:"sha256"`
	// Envelope is the token with the signatures that it has, in base64; empty where
	// it was pruned, as of old attestations that agreed. So is that of the receipt.
	Envelope []byte `json:"envelope"`
	// Entry is its record in the log, from 0.
	Entry int64 `json:"entry"`
	// NotBefore and Expires bound when it holds.
	NotBefore time.Time `json:"not_before"`
	Expires   time.Time `json:"expires"`
	// Delivered is when the host last fetched it; absent where it has not.
	Delivered time.Time `json:"delivered,omitzero"`
	// SignedBy are the operators who have signed.
	SignedBy []string `json:"signed_by,omitempty"`
}

// ResponseReceipt is a receipt as the hub took it.
type ResponseReceipt struct {
	// Seq is its number among the wrapper's.
	Seq uint64 `json:"seq,string"`
	// Outcome is done, refused, failed, undone, auto_undone, unknown or already_gone.
	Outcome string `json:"outcome"`
	// Refusal is why it was refused or failed.
	Refusal string `json:"refusal,omitempty"`
	// Detail says it in words. Host-made text.
	Detail string `json:"detail,omitempty"`
	// Effect proves what was done. Host-made text.
	Effect map[string]string `json:"effect,omitempty"`
	// LeaseEnd is when it ends by itself; absent where it does not.
	LeaseEnd time.Time `json:"lease_end,omitzero"`
	// Time is when it was done, by the host's clock; Received when the hub took the receipt.
	Time     time.Time `json:"time"`
	Received time.Time `json:"received"`
	// Envelope is the signed receipt, in base64.
	Envelope []byte `json:"envelope"`
}

// ResponseQuery chooses responses.
type ResponseQuery struct {
	// State is one of ResponseStates; empty means any.
	State string
	// HostID is the host; empty means any.
	HostID string
	// Scheduled chooses also what the hub asked by itself, on a schedule.
	Scheduled bool
	// After is a response's id: those made before it follow. Empty means from the newest on.
	After string
	// Limit is how many, 1 to MaxLimit; 0 means DefaultLimit.
	Limit int
}

// Rows is how many it may return.
func (q ResponseQuery) Rows() int {
	if q.Limit == 0 {
		return DefaultLimit
	}
	return q.Limit
}

// Validate checks the bounds.
func (q ResponseQuery) Validate() error {
	switch {
	case q.State != "" && !slices.Contains(ResponseStates, q.State):
		return &QueryError{"state", cut(q.State), "no such state"}
	case q.Limit < 0 || q.Limit > MaxLimit:
		return &QueryError{"limit", strconv.Itoa(q.Limit), "want 1 to " + strconv.Itoa(MaxLimit)}
	case len(q.HostID) > MaxText:
		return &QueryError{"host", cut(q.HostID), "too long"}
	case len(q.After) > MaxText:
		return &QueryError{"after", cut(q.After), "too long"}
	}
	return nil
}

// Values writes the query as parameters.
func (q ResponseQuery) Values() url.Values {
	v := url.Values{}
	for name, value := range map[string]string{"state": q.State, "host": q.HostID, "after": q.After} {
		if value != "" {
			v.Set(name, value)
		}
	}
	if q.Scheduled {
		v.Set("scheduled", "true")
	}
	if q.Limit != 0 {
		v.Set("limit", strconv.Itoa(q.Limit))
	}
	return v
}

// ParseResponseQuery reads parameters, strictly.
func ParseResponseQuery(v url.Values) (ResponseQuery, error) {
	var q ResponseQuery
	for name, values := range v {
		if len(values) != 1 {
			return q, &QueryError{name, "", "given more than once"}
		}
		switch name {
		case "state":
			q.State = values[0]
		case "host":
			q.HostID = values[0]
		case "after":
			q.After = values[0]
		case "scheduled":
			if values[0] != "true" {
				return q, &QueryError{name, cut(values[0]), "want true"}
			}
			q.Scheduled = true
		case "limit":
			n, err := strconv.Atoi(values[0])
			if err != nil || n < 1 {
				return q, &QueryError{name, cut(values[0]), "want 1 to " + strconv.Itoa(MaxLimit)}
			}
			q.Limit = n
		default:
			return q, &QueryError{"parameter", cut(name), "no such parameter"}
		}
	}
	return q, q.Validate()
}

// IssueRequest asks for an action on a host.
type IssueRequest struct {
	// Host is the host's id.
	Host string `json:"host"`
	// Action is the action, and Args its arguments.
	Action string         `json:"action"`
	Args   jsontext.Value `json:"args"`
	// Reason is why, in a person's words, one line of at most 200 bytes.
	Reason string `json:"reason"`
	// Signatures is how many operators must sign; 0 means none. The host's policy may ask for more.
	Signatures int `json:"signatures,omitempty"`
	// BreakGlass marks it as an emergency: it goes out at once, and is told to everybody.
	BreakGlass bool `json:"break_glass,omitempty"`
}

// ApproveRequest is a person's yes, with a signature where one is asked for.
type ApproveRequest struct {
	// Token is the id of the token that was signed; empty where nothing was.
	Token string `json:"token,omitempty"`
	// Key is the operator's public key, in base64, and Sig the signature.
	Key string `json:"key,omitempty"`
	Sig []byte `json:"sig,omitempty"`
	// BreakGlass is why the response goes on with fewer signatures than the
	// hub's policy asks for, one line of at most 200 bytes; empty where it does
	// not. What the host's own policy asks for is asked for all the same.
	BreakGlass string `json:"break_glass,omitempty"`
}

// DecisionRequest is a person's no, or a wish to undo.
type DecisionRequest struct {
	// Reason is why, one line of at most 200 bytes.
	Reason string `json:"reason"`
	// Signatures is how many operators must sign what takes it back.
	Signatures int `json:"signatures,omitempty"`
}

// Pause is the fleet-wide stop: while it is on, nothing is done without a person.
type Pause struct {
	// Paused is true while it is on.
	Paused bool `json:"paused"`
	// Reason is why, in a person's words.
	Reason string `json:"reason,omitempty"`
	// By is the access token over which it was set.
	By string `json:"by,omitempty"`
	// Since is when it was set; absent where it never was.
	Since time.Time `json:"since,omitzero"`
}

// Operator is a person whose signature counts.
type Operator struct {
	// Name is what host policies call the person.
	Name string `json:"name"`
	// Key is the public key, in base64.
	Key string `json:"key"`
	// Added is when the hub was told; in a request it is left out.
	Added time.Time `json:"added,omitzero"`
}

// Policy is a response policy as the hub runs it.
type Policy struct {
	// Name, Title and Mode are the policy's.
	Name  string `json:"name"`
	Title string `json:"title"`
	Mode  string `json:"mode"`
	// File is where it was read, in "embedded" or the operator's folder.
	File   string `json:"file"`
	Source string `json:"source"`
	// Actions are the actions with their modes, as in "suspend_process (auto)".
	Actions []string `json:"actions"`
	// Responses is how many it has led to, dry runs included.
	Responses int64 `json:"responses"`
}

// HostSetting sets what the hub knows of a host beside what it says itself.
type HostSetting struct {
	// WrapperKey is the public key of its wrapper, in base64.
	WrapperKey string `json:"wrapper_key,omitempty"`
	// Labels are its labels, as in "role=db".
	Labels []string `json:"labels,omitempty"`
}
