package api

import (
	"net/http"

	types "picket.internal/api"
)

// A Role is what an access token lets its holder do. Today every token holds
// every role; the table says already which one each route asks for.
type Role string

// The roles, the least first.
const (
	RoleViewer    Role = "viewer"    // sees everything
	RoleResponder Role = "responder" // has hosts act
	RoleAdmin     Role = "admin"     // decides which hosts belong
)

// Route is one thing that can be asked of the hub.
type Route struct {
	Method  string
	Pattern string
	Role    Role
	answer  func(h *Handler, r *http.Request, out *reply) error
}

// routes is the whole API. What is not listed here does not exist, and a test
// asks every line of it without a token.
var routes = []Route{
	{http.MethodGet, types.PathAlerts, RoleViewer, (*Handler).listAlerts},
	{http.MethodGet, types.PathAlert, RoleViewer, (*Handler).showAlert},
	{http.MethodGet, types.PathAlertFacts, RoleViewer, (*Handler).alertFacts},
	{http.MethodGet, types.PathAlertDossier, RoleViewer, responding(showDossier)},
	{http.MethodGet, types.PathAlertsFollow, RoleViewer, (*Handler).followAlerts},
	{http.MethodGet, types.PathHosts, RoleViewer, (*Handler).listHosts},
	{http.MethodGet, types.PathHostKinds, RoleViewer, (*Handler).listHostKinds},
	{http.MethodGet, types.PathInventories, RoleViewer, (*Handler).listInventories},
	{http.MethodGet, types.PathInventory, RoleViewer, (*Handler).showInventory},
	{http.MethodPost, types.PathHostDisable, RoleAdmin, (*Handler).disableHost},
	{http.MethodPost, types.PathHostEnable, RoleAdmin, (*Handler).enableHost},
	{http.MethodPost, types.PathHostApprove, RoleAdmin, (*Handler).approveHost},
	{http.MethodGet, types.PathFilters, RoleViewer, (*Handler).listFilters},
	{http.MethodPost, types.PathRuleEnable, RoleAdmin, (*Handler).enableRule},
	{http.MethodGet, types.PathFacts, RoleViewer, (*Handler).listFacts},
	{http.MethodGet, types.PathFactsFollow, RoleViewer, (*Handler).followFacts},
	{http.MethodGet, types.PathFactsReplay, RoleViewer, (*Handler).replayFacts},
	{http.MethodGet, types.PathRules, RoleViewer, (*Handler).listRules},
	{http.MethodGet, types.PathRuleFiles, RoleViewer, (*Handler).listRuleFiles},
	{http.MethodPost, types.PathEnrollTokens, RoleAdmin, (*Handler).createEnrollToken},
	{http.MethodGet, types.PathStatus, RoleViewer, (*Handler).status},
	{http.MethodGet, types.PathResponses, RoleViewer, responding(listResponses)},
	{http.MethodPost, types.PathResponses, RoleResponder, responding(issueResponse)},
	{http.MethodGet, types.PathResponse, RoleViewer, responding(showResponse)},
	{http.MethodPost, types.PathResponsePrepare, RoleResponder, responding(prepareResponse)},
	{http.MethodPost, types.PathResponseApprove, RoleResponder, responding(approveResponse)},
	{http.MethodPost, types.PathResponseReject, RoleResponder, responding(rejectResponse)},
	{http.MethodPost, types.PathResponseUndo, RoleResponder, responding(undoResponse)},
	{http.MethodGet, types.PathEvidence, RoleResponder, showEvidence},
	{http.MethodPost, types.PathEvidenceAgain, RoleResponder, responding(evidenceAgain)},
	{http.MethodGet, types.PathPause, RoleViewer, responding(showPause)},
	{http.MethodPost, types.PathPause, RoleResponder, responding(setPause)},
	{http.MethodGet, types.PathPolicies, RoleViewer, responding(listPolicies)},
	{http.MethodGet, types.PathOperators, RoleViewer, responding(listOperators)},
	{http.MethodPost, types.PathOperators, RoleAdmin, responding(addOperator)},
	{http.MethodPost, types.PathOperatorRemove, RoleAdmin, responding(removeOperator)},
	{http.MethodPost, types.PathHostSet, RoleAdmin, responding(setHost)},
	{http.MethodPost, types.PathHostAttest, RoleResponder, responding(attestHost)},
	{http.MethodGet, types.PathAccessTokens, RoleAdmin, responding(listAccessTokens)},
	{http.MethodPost, types.PathAccessTokens, RoleAdmin, responding(createAccessToken)},
	{http.MethodPost, types.PathAccessTokenRevoke, RoleAdmin, responding(revokeAccessToken)},
	{http.MethodGet, types.PathCheckpoint, RoleViewer, responding(showCheckpoint)},
	{http.MethodGet, types.PathAuditRecords, RoleViewer, responding(auditRecords)},
}

// Routes returns the table, for those who check it.
func Routes() []Route { return append([]Route(nil), routes...) }

// byPath groups the routes of one path, by method.
func byPath(routes []Route) map[string]map[string]Route {
	paths := make(map[string]map[string]Route)
	for _, r := range routes {
		if paths[r.Pattern] == nil {
			paths[r.Pattern] = make(map[string]Route)
		}
		paths[r.Pattern][r.Method] = r
	}
	return paths
}
