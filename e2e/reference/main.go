package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// pages are what is written, by its path within the repository.
var pages = map[string]func() ([]byte, error){
	"config/monitoring/dashboard.json": dashboardJSON,
	"config/monitoring/rules.yaml":     rulesManifest,
	"docs/runbooks/README.md":          runbooksPage,
	"docs/metrics.md":                  metricsPage,
	"docs/reasons.md":                  reasonsPage,
}

func main() {
	if err := write("."); err != nil {
		fmt.Fprintln(os.Stderr, "reference:", err)
		os.Exit(1)
	}
}

// write brings every page up to date below a folder.
func write(root string) error {
	for path, page := range pages {
		text, err := page()
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if err := os.WriteFile(filepath.Join(root, path), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
