package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sigs.k8s.io/yaml"
)

// fakeCluster answers reads and watches of objects, as slowly as it is told to.
type fakeCluster struct {
	delay time.Duration

	mu      sync.Mutex
	objects []map[string]any
	// changed is closed when an object was replaced.
	changed chan struct{}
}

// newFakeCluster serves the objects of a file of YAML documents, and gives a kubeconfig for it.
func newFakeCluster(t *testing.T, path string, delay time.Duration) (c *fakeCluster, kubeconfig string) {
	t.Helper()
	c = &fakeCluster{delay: delay, changed: make(chan struct{})}
	for _, text := range strings.Split(read(t, path), "\n---\n") {
		c.objects = append(c.objects, objectOf(t, text))
	}
	server := httptest.NewServer(c)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	kubeconfig = filepath.Join(t.TempDir(), "kubeconfig")
	text := "apiVersion: v1\nkind: Config\ncurrent-context: fake\ncontexts: [{name: fake, context: {cluster: fake, user: fake}}]\n" +
		"users: [{name: fake, user: {}}]\nclusters: [{name: fake, cluster: {server: \"" + server.URL + "\"}}]\n"
	if err := os.WriteFile(kubeconfig, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return c, kubeconfig
}

func objectOf(t *testing.T, text string) map[string]any {
	t.Helper()
	var object map[string]any
	if err := yaml.Unmarshal([]byte(text), &object); err != nil {
		t.Fatal(err)
	}
	return object
}

// replace puts an object in the place of that of its name, and tells watches.
func (c *fakeCluster) replace(object map[string]any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, o := range c.objects {
		if placeOf(o) == placeOf(object) {
			c.objects[i] = object
		}
	}
	close(c.changed)
	c.changed = make(chan struct{})
}

func placeOf(object map[string]any) [3]string {
	meta, _ := object["metadata"].(map[string]any)
	namespace, _ := meta["namespace"].(string)
	name, _ := meta["name"].(string)
	return [3]string{strings.ToLower(fmt.Sprint(object["kind"])) + "s", namespace, name}
}

func (c *fakeCluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	const group, version = 3, 2 // parts of a path before a resource
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	parts = parts[min(len(parts), map[string]int{"apis": group, "api": version}[parts[0]]):]
	namespace := ""
	if len(parts) > 2 && parts[0] == "namespaces" {
		namespace, parts = parts[1], parts[2:]
	}
	if r.Method != http.MethodGet || len(parts) == 0 {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Query().Has("watch") {
		c.watch(w, r, parts[0])
		return
	}
	time.Sleep(c.delay)
	found := c.find(parts[0], namespace)
	if name, one := strings.CutPrefix(r.URL.Query().Get("fieldSelector"), "metadata.name="); one {
		found = slices.DeleteFunc(found, func(o map[string]any) bool { return placeOf(o)[2] != name })
	}
	if len(parts) == 1 {
		list := map[string]any{"metadata": map[string]any{}, "items": found}
		if strings.Contains(r.Header.Get("Accept"), "as=PartialObjectMetadataList") {
			list["apiVersion"], list["kind"] = "meta.k8s.io/v1", "PartialObjectMetadataList"
		}
		_ = json.NewEncoder(w).Encode(list)
		return
	}
	at := slices.IndexFunc(found, func(o map[string]any) bool { return placeOf(o)[2] == parts[1] })
	if at < 0 {
		w.WriteHeader(http.StatusNotFound)
		_ = json.NewEncoder(w).Encode(map[string]any{"apiVersion": "v1", "kind": "Status", "status": "Failure", "reason": "NotFound", "code": http.StatusNotFound, "details": map[string]any{"name": parts[1]}})
		return
	}
	_ = json.NewEncoder(w).Encode(found[at])
}

func (c *fakeCluster) find(resource, namespace string) []map[string]any {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := []map[string]any{}
	for _, o := range c.objects {
		if at := placeOf(o); at[0] == resource && (namespace == "" || at[1] == namespace) {
			out = append(out, o)
		}
	}
	return out
}

// watch tells of every object of the resource whenever one was replaced.
func (c *fakeCluster) watch(w http.ResponseWriter, r *http.Request, resource string) {
	for {
		c.mu.Lock()
		changed := c.changed
		c.mu.Unlock()
		w.(http.Flusher).Flush()
		select {
		case <-r.Context().Done():
			return
		case <-changed:
		}
		for _, o := range c.find(resource, "") {
			_ = json.NewEncoder(w).Encode(map[string]any{"type": "MODIFIED", "object": o})
		}
	}
}
