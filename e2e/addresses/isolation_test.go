package addresses_test

import (
	"net/http"
	"path"
)

// trialLabel marks the namespaces and Wukongs of a trial.
const trialLabel = "trial"

// only lets a controller see the objects of one trial and nothing else, so that several trials, each with controllers of its
// own that crash and stall, share an API server. It narrows lists and watches by selectors; reads by name are left alone.
func only(trial string) func(http.RoundTripper) http.RoundTripper {
	selectors := map[string][2]string{
		"addressleases":       {"fieldSelector", "spec.segment=" + trial},
		"addresspools":        {"fieldSelector", "spec.segment.physicalNetwork=" + trial},
		"addressreservations": {"fieldSelector", "metadata.name=" + trial},
		"hostnetworks":        {"fieldSelector", "metadata.name=" + trial},
		"hostuplinks":         {"fieldSelector", "metadata.name=" + trial},
		"wukongs":             {"labelSelector", trialLabel + "=" + trial},
		"namespaces":          {"labelSelector", trialLabel + "=" + trial},
	}
	return func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(req *http.Request) (*http.Response, error) {
			selector, narrow := selectors[path.Base(req.URL.Path)]
			if req.Method != http.MethodGet || !narrow {
				return next.RoundTrip(req)
			}
			req = req.Clone(req.Context())
			query := req.URL.Query()
			query.Set(selector[0], selector[1])
			req.URL.RawQuery = query.Encode()
			return next.RoundTrip(req)
		})
	}
}
