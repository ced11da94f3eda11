// Package api holds what crosses between the hub and its clients: the types of
// the HTTP API, its paths, the queries with their bounds, and the sentinels
// that both sides match.
//
// Hub and client share every name in here, so that neither can drift from the
// other. The package must never do any work of its own: no network, no files,
// no clock, nothing but types and the way they are written.
package api

import "errors"

// Every path of the API begins with Prefix. A {id} is one path segment.
const (
	Prefix           = "/api/v1"
	PathAlerts       = Prefix + "/alerts"
	PathAlert        = Prefix + "/alerts/{id}"
	PathAlertFacts   = Prefix + "/alerts/{id}/facts"
	PathAlertDossier = Prefix + "/alerts/{id}/dossier"
	PathAlertsFollow = Prefix + "/alerts/follow"
	PathHosts        = Prefix + "/hosts"
	PathHostDisable  = Prefix + "/hosts/{id}/disable"
	PathHostEnable   = Prefix + "/hosts/{id}/enable"
	PathHostApprove  = Prefix + "/hosts/{id}/approve"
	PathHostAttest   = Prefix + "/hosts/{id}/attest"
	PathFilters      = Prefix + "/filters"
	PathRuleEnable   = Prefix + "/rules/{id}/enable"
	PathInventories  = Prefix + "/hosts/{id}/inventories"
	PathInventory    = Prefix + "/hosts/{id}/inventories/{kind}"
	PathFacts        = Prefix + "/facts"
	PathFactsFollow  = Prefix + "/facts/follow"
	PathFactsReplay  = Prefix + "/facts/replay"
	PathRules        = Prefix + "/rules"
	PathRuleFiles    = Prefix + "/rules/files"
	PathEnrollTokens = Prefix + "/enroll-tokens"
	PathStatus       = Prefix + "/status"

	PathResponses         = Prefix + "/responses"
	PathResponse          = Prefix + "/responses/{id}"
	PathResponsePrepare   = Prefix + "/responses/{id}/prepare"
	PathResponseApprove   = Prefix + "/responses/{id}/approve"
	PathResponseReject    = Prefix + "/responses/{id}/reject"
	PathResponseUndo      = Prefix + "/responses/{id}/undo"
	PathEvidence          = Prefix + "/responses/{id}/evidence"
	PathEvidenceAgain     = Prefix + "/responses/{id}/evidence/again"
	PathPause             = Prefix + "/pause"
	PathPolicies          = Prefix + "/policies"
	PathOperators         = Prefix + "/operators"
	PathOperatorRemove    = Prefix + "/operators/{name}/remove"
	PathHostSet           = Prefix + "/hosts/{id}/set"
	PathCheckpoint        = Prefix + "/audit/checkpoint"
	PathAuditRecords      = Prefix + "/audit/records"
	PathAccessTokens      = Prefix + "/access-tokens"
	PathAccessTokenRevoke = Prefix + "/access-tokens/{id}/revoke"
)

// Media types of the API's bodies. A stream is one JSON document a line.
const (
	TypeJSON   = "application/json"
	TypeStream = "application/x-ndjson"
	// TypeBundle is that of a bundle of evidence, which is not the hub's.
	TypeBundle = "application/octet-stream"
)

var (
	// ErrNotFound is returned for an alert or a host that does not exist.
	ErrNotFound = errors.New("not found")
	// ErrUnauthorized is returned for a missing, unknown, expired or wrong
	// access token; which of them it was stays with the hub.
	ErrUnauthorized = errors.New("not authorized")
	// ErrForbidden is returned where the token is right but its role is not
	// enough.
	ErrForbidden = errors.New("forbidden")
	// ErrConflict is returned where the thing is not in a state that allows the
	// change, as when a host is approved that does not wait for it.
	ErrConflict = errors.New("not in a state that allows this")
	// ErrMalformed is returned for a request that cannot be what its sender
	// meant: an unknown parameter, a bound passed, a body that does not decode.
	ErrMalformed = errors.New("malformed request")
	// ErrUnavailable is returned where the hub cannot answer now and may later.
	ErrUnavailable = errors.New("not available now")
)

// Event is a line of a follow stream that is no data: a sign of life, or the
// place that the stream has reached.
type Event struct {
	// Event says which, as in EventKeepalive; data lines have no such field.
	Event string `json:"event,omitempty"`
	// Cursor is where the stream stands; following from there misses nothing
	// and repeats nothing.
	Cursor string `json:"cursor,omitempty"`
}

// EventKeepalive comes first in every follow stream, so that its cursor is
// known at once, and then after each KeepaliveSeconds without data.
const EventKeepalive = "keepalive"

// KeepaliveSeconds is the longest silence of a healthy follow stream.
const KeepaliveSeconds = 15
