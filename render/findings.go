package render

import (
	"cmp"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

// Object names an object.
type Object struct{ Kind, Namespace, Name string }

func objectOf(kind string, o metav1.Object) Object {
	return Object{Kind: kind, Namespace: o.GetNamespace(), Name: o.GetName()}
}

// String gives "Wukong team-a/web" or "HostUplink lab".
func (o Object) String() string {
	if o.Namespace == "" {
		return o.Kind + " " + o.Name
	}
	return o.Kind + " " + o.Namespace + "/" + o.Name
}

func (o Object) compare(other Object) int {
	return cmp.Or(strings.Compare(o.Kind, other.Kind), strings.Compare(o.Namespace, other.Namespace), strings.Compare(o.Name, other.Name))
}

// Severity is what a finding means.
type Severity string

// Severities.
const (
	// SeverityError: what the object asks for is not done, or not all of it.
	SeverityError Severity = "error"
	// SeverityWarning: everything is done, and somebody should look.
	SeverityWarning Severity = "warning"
	// SeverityNote: a field has no effect, or its effect cannot be seen in what is rendered.
	SeverityNote Severity = "note"
)

// Finding is something to tell about an object.
type Finding struct {
	Object Object
	// Path is the path of the field, such as spec.networks[0].ipConfig.address, or empty.
	Path string
	// Reason is one word of the vocabulary of reasons.
	Reason   string
	Severity Severity
	Message  string
	// Source is where the object was read, or empty.
	Source string
}

// String gives one line: source, severity, object, path, message and reason.
func (f Finding) String() string {
	var b strings.Builder
	if f.Source != "" {
		b.WriteString(f.Source + ": ")
	}
	b.WriteString(string(f.Severity) + ": " + f.Object.String() + ": ")
	if f.Path != "" {
		b.WriteString(f.Path + ": ")
	}
	b.WriteString(f.Message + " (" + f.Reason + ")")
	return b.String()
}

func (p *planner) find(o Object, severity Severity, what Problem) {
	p.findings = append(p.findings, p.finding(o, severity, what))
}

func (p *planner) finding(o Object, severity Severity, what Problem) Finding {
	return Finding{Object: o, Path: what.Path, Reason: what.Reason, Severity: severity, Message: what.Message, Source: p.in.Sources[o]}
}

func (p *planner) findIf(o Object, problem *Problem) {
	if problem != nil {
		p.find(o, SeverityError, *problem)
	}
}

func (p *planner) notices(o Object, notices []v1alpha1.FieldNotice) {
	for _, n := range notices {
		p.find(o, SeverityNote, Problem{Reason: v1alpha1.ReasonNotSupportedYet, Path: n.Field, Message: n.Message})
	}
}
