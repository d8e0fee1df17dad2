package server

import (
	"context"
	"net/http"
	"time"

	"novasphere.dev/wukong-network/query"
	"novasphere.dev/wukong-network/query/answer"
)

// Base is what the paths of questions begin with.
const Base = "/apis/query/v1alpha1"

// Bounds of answers.
const (
	usualLimit = 500
	// MaxLimit is how many items a page has at most.
	MaxLimit                = 1000
	usualColumns, usualRows = 80, 16
	usualNext               = 1
)

// route is one question.
type route struct {
	// path is below Base, as http.ServeMux reads it.
	path string
	// parameters are those of the query string.
	parameters []string
	// large: the answer is made of everything that is known about hosts, so few are made at a time.
	large bool
	// anything: parameters do not matter.
	anything bool
	answer   func(ctx context.Context, q *question) (any, error)
}

// routes are all questions.
func routes() []route {
	return []route{
		{path: "/addresses", parameters: []string{"address", "mac", "segment", "pool", "namespace", "name", "phase", "limit", "continue"}, answer: listAddresses},
		{path: "/addresses/{address}", parameters: []string{"namespace"}, answer: whoHasAddress},
		{path: "/addresses/{address}/history", parameters: []string{"segment", "namespace"}, answer: addressHistory},
		{path: "/macs/{mac}", parameters: []string{"namespace"}, answer: whoHasMAC},
		{path: "/machines/{name}", parameters: []string{"namespace"}, answer: whatHasMachine},
		{path: "/pools", answer: listPools},
		{path: "/pools/{name}", parameters: []string{"columns", "rows"}, answer: showPool},
		{path: "/pools/{name}/next", parameters: []string{"count"}, answer: nextOfPool},
		{path: "/segments", answer: listSegments},
		{path: "/hosts", large: true, answer: hostStatus},
		{path: "/hosts/{name}", large: true, answer: hostStatus},
	}
}

// question is a request with what it takes to answer it.
type question struct {
	*http.Request
	parameters parameters
	source     *source
	now        time.Time
}

// about gives what answers a question that may be one about a namespace alone.
func (q *question) about(ctx context.Context) (*query.Answerer, string, error) {
	namespace, err := q.parameters.namespace()
	if err != nil {
		return nil, "", err
	}
	if namespace == "" {
		return &query.Answerer{From: q.source}, "", nil
	}
	from, err := newWithin(ctx, q.source, namespace)
	return &query.Answerer{From: from}, namespace, err
}

// everything gives what answers a question about everything.
func (q *question) everything() *query.Answerer { return &query.Answerer{From: q.source} }

func listAddresses(ctx context.Context, q *question) (any, error) {
	which, err := q.parameters.leases()
	if err != nil {
		return nil, err
	}
	limit, err := q.parameters.number("limit", usualLimit, MaxLimit)
	if err != nil {
		return nil, err
	}
	from, _, err := q.about(ctx)
	if err != nil {
		return nil, err
	}
	list, err := from.List(ctx, which)
	if err != nil {
		return nil, err
	}
	if err := list.Page(limit, q.parameters.one("continue")); err != nil {
		return nil, invalid("continue", err.Error())
	}
	return list, nil
}

func whoHasAddress(ctx context.Context, q *question) (any, error) {
	addr, err := parseAddress(q.PathValue("address"))
	if err != nil {
		return nil, err
	}
	from, namespace, err := q.about(ctx)
	if err != nil {
		return nil, err
	}
	return from.Address(ctx, addr, namespace)
}

func addressHistory(ctx context.Context, q *question) (any, error) {
	addr, err := parseAddress(q.PathValue("address"))
	if err != nil {
		return nil, err
	}
	segment, err := q.parameters.segment()
	if err != nil {
		return nil, err
	}
	from, namespace, err := q.about(ctx)
	if err != nil {
		return nil, err
	}
	return from.History(ctx, addr, segment, namespace)
}

func whoHasMAC(ctx context.Context, q *question) (any, error) {
	mac, err := parseMAC("mac", q.PathValue("mac"))
	if err != nil {
		return nil, err
	}
	from, namespace, err := q.about(ctx)
	if err != nil {
		return nil, err
	}
	return from.MAC(ctx, mac, namespace)
}

func whatHasMachine(ctx context.Context, q *question) (any, error) {
	name, err := parseName(q.PathValue("name"))
	if err != nil {
		return nil, err
	}
	from, namespace, err := q.about(ctx)
	if err != nil {
		return nil, err
	}
	return from.Machine(ctx, namespace, name)
}

func listPools(ctx context.Context, q *question) (any, error) { return q.everything().Pools(ctx) }

func showPool(ctx context.Context, q *question) (any, error) {
	columns, err := q.parameters.number("columns", usualColumns, query.MaxColumns)
	if err != nil {
		return nil, err
	}
	rows, err := q.parameters.number("rows", usualRows, query.MaxRows)
	if err != nil {
		return nil, err
	}
	return q.everything().Pool(ctx, q.PathValue("name"), answer.Size{Columns: columns, Rows: rows})
}

func nextOfPool(ctx context.Context, q *question) (any, error) {
	count, err := q.parameters.number("count", usualNext, query.MaxNext)
	if err != nil {
		return nil, err
	}
	return q.everything().Next(ctx, q.PathValue("name"), count)
}

func listSegments(ctx context.Context, q *question) (any, error) { return q.everything().Segments(ctx) }

func hostStatus(ctx context.Context, q *question) (any, error) {
	return q.everything().Hosts(ctx, q.PathValue("name"), q.now)
}
