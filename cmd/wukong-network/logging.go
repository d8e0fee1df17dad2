package main

import (
	"flag"
	"io"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
)

// forContainers are defaults of the logging flags: a line of JSON for each message, with times that people can read, and no stack
// under an error, which is tried again and would repeat it.
var forContainers = map[string]string{"zap-time-encoding": "rfc3339nano", "zap-stacktrace-level": "panic"}

// bindLogging adds the logging flags. What it returns makes the logger once they are parsed.
func bindLogging(flags *flag.FlagSet) func(io.Writer) logr.Logger {
	options := &zap.Options{}
	options.BindFlags(flags)
	for name, value := range forContainers {
		f := flags.Lookup(name)
		if err := f.Value.Set(value); err != nil {
			panic(err) // one of the values above is none of zap's
		}
		f.DefValue = value
	}
	return func(out io.Writer) logr.Logger { return zap.New(zap.UseFlagOptions(options), zap.WriteTo(out)) }
}

// setLoggers makes everything log there, the Go client included.
func setLoggers(to logr.Logger) {
	ctrl.SetLogger(to)
	klog.SetLogger(to)
}
