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
	RoleViewer Role = "viewer" // sees everything
	RoleAdmin  Role = "admin"  // decides which hosts belong
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
