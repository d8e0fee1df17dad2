package metrics

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Query counts and times the requests to a handler of the query server. The path is the pattern of the route, such as
// /v1/addresses/{address}: a request's own path would make a series of each address.
func Query(path string, next http.Handler) http.Handler {
	route := prometheus.Labels{"path": path}
	return promhttp.InstrumentHandlerCounter(requests.MustCurryWith(route),
		promhttp.InstrumentHandlerDuration(requestTimes.MustCurryWith(route), next))
}
