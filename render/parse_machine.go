package render

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"unicode"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	kubevirtv1 "kubevirt.io/api/core/v1"

	"novasphere.dev/wukong-network/api/v1alpha1"
)

const (
	maxCPU        = 512
	maxDisks      = 256
	maxImage      = 2048
	defaultMemory = "1Gi"
	// cloudInitVolume is the name of the volume with network data and user data.
	cloudInitVolume = "cloudinitdisk"
	// registryPrefix begins an image in a container registry.
	registryPrefix = "docker://"
)

// identity reads what it is called and whose machine it is.
func (p *parser) identity() {
	if problems := validation.IsDNS1123Subdomain(p.wukong.Name); len(problems) > 0 {
		p.invalid(field.NewPath("metadata", "name"), p.wukong.Name, problems[0])
		return
	}
	if ns := p.wukong.Namespace; ns != "" && len(validation.IsDNS1123Label(ns)) > 0 {
		p.invalid(field.NewPath("metadata", "namespace"), ns, "write the name of a namespace: at most 63 lower-case letters, digits and dashes")
	}
	if name := p.wukong.Spec.VirtualMachineName; name != "" {
		p.req.Foreign, p.req.VirtualMachine = true, name
		if len(name) > MaxName || !labelPattern.MatchString(name) {
			p.invalid(specPath.Child("virtualMachineName"), name,
				fmt.Sprintf("write the name of a VirtualMachine of this namespace, at most %d lower-case letters, digits and dashes", MaxName))
		}
		return
	}
	if problem := checkVMName(p.wukong.Name); problem != "" {
		p.invalid(field.NewPath("metadata", "name"), p.wukong.Name, problem)
	}
}

// machine reads the machine that is asked for: none without disks, and none when it is somebody else's.
func (p *parser) machine() {
	spec := &p.wukong.Spec
	for _, f := range []struct{ name, value string }{{"osImage", spec.OSImage}, {"restoreFromSnapshot", spec.RestoreFromSnapshot}} {
		if f.value != "" {
			p.notice(specPath.Child(f.name), "is not acted on: name an image on a disk instead")
		}
	}
	m := Machine{CPU: p.cpu(), Memory: p.quantity(specPath.Child("memory"), spec.Memory, defaultMemory), RunStrategy: p.runStrategy()}
	m.Disks = p.disks()
	m.GPUs = p.gpus()
	p.placement(&m)
	switch {
	case p.req.Foreign:
		p.ignoredMachine("is not acted on: the machine is managed by somebody else")
	case len(spec.Disks) == 0:
		p.ignoredMachine("is not acted on: without disks no machine is asked for")
	default:
		p.req.Machine = &m
	}
}

// ignoredMachine reports the fields of a machine that is not made.
func (p *parser) ignoredMachine(why string) {
	spec := &p.wukong.Spec
	for _, f := range []struct {
		name  string
		given bool
	}{
		{"cpu", spec.CPU != 0},
		{"memory", spec.Memory != ""},
		{"disks", len(spec.Disks) > 0},
		{"highAvailability", spec.HighAvailability != nil},
		{"startStrategy", spec.StartStrategy != nil},
		{"gpus", len(spec.GPUs) > 0},
	} {
		if f.given {
			p.notice(specPath.Child(f.name), why)
		}
	}
}

func (p *parser) cpu() uint32 {
	cpu := p.wukong.Spec.CPU
	if cpu < 0 || cpu > maxCPU {
		p.invalid(specPath.Child("cpu"), cpu, fmt.Sprintf("use a number of CPUs from 1 to %d", maxCPU))
		return 0
	}
	return uint32(max(cpu, 1))
}

func (p *parser) quantity(path *field.Path, text, otherwise string) resource.Quantity {
	if text == "" {
		text = otherwise
	}
	q, err := resource.ParseQuantity(text)
	if err != nil || q.Sign() <= 0 {
		p.invalid(path, text, "write a size above zero, such as 4Gi")
		return resource.Quantity{}
	}
	return q
}

// runStrategy folds the two places that say when the machine runs into KubeVirt's one. autoStart false becomes Manual and not
// Halted, so that starting the machine by hand does not change the spec that is kept here.
func (p *parser) runStrategy() kubevirtv1.VirtualMachineRunStrategy {
	spec := &p.wukong.Spec
	if start := spec.StartStrategy; start != nil {
		switch start.RunStrategy {
		case "":
			if start.AutoStart != nil && !*start.AutoStart {
				return kubevirtv1.RunStrategyManual
			}
		case "Always", "RerunOnFailure", "Manual":
			return kubevirtv1.VirtualMachineRunStrategy(start.RunStrategy)
		default:
			p.errs = append(p.errs, field.NotSupported(specPath.Child("startStrategy", "runStrategy"), shown(start.RunStrategy).(string),
				[]string{"Always", "RerunOnFailure", "Manual"}))
		}
	}
	if spec.HighAvailability == nil {
		return kubevirtv1.RunStrategyAlways
	}
	switch spec.HighAvailability.RestartPolicy {
	case "", "Always":
		return kubevirtv1.RunStrategyAlways
	case "OnFailure":
		return kubevirtv1.RunStrategyRerunOnFailure
	case "Never":
		return kubevirtv1.RunStrategyOnce
	}
	p.errs = append(p.errs, field.NotSupported(specPath.Child("highAvailability", "restartPolicy"),
		shown(spec.HighAvailability.RestartPolicy).(string), []string{"Always", "OnFailure", "Never"}))
	return kubevirtv1.RunStrategyAlways
}

func (p *parser) disks() []Disk {
	path := specPath.Child("disks")
	if n := len(p.wukong.Spec.Disks); n > maxDisks {
		p.errs = append(p.errs, field.TooMany(path, n, maxDisks))
		return nil
	}
	var out []Disk
	names := taken{}
	for i, d := range p.wukong.Spec.Disks {
		at := path.Index(i)
		p.label(at.Child("name"), d.Name)
		p.unique(at.Child("name"), d.Name, names, "give each disk of the Wukong its own name")
		if d.Name == cloudInitVolume {
			p.invalid(at.Child("name"), d.Name, "is the name of the disk with network data: choose another one")
		}
		if n := DiskVolumeName(p.wukong.Name, d.Name); len(n) > maxSelector {
			p.invalid(at.Child("name"), d.Name, fmt.Sprintf("the volume %s-NAME would have a name of %d characters: shorten it to at most %d", p.wukong.Name, len(n), maxSelector))
		}
		if d.StorageClassName != "" && len(validation.IsDNS1123Subdomain(d.StorageClassName)) > 0 {
			p.invalid(at.Child("storageClassName"), d.StorageClassName, "write the name of a storage class: lower-case letters, digits, dashes and dots")
		}
		p.image(at.Child("image"), d.Image)
		out = append(out, Disk{Name: d.Name, Size: p.quantity(at.Child("size"), d.Size, ""),
			StorageClass: d.StorageClassName, Boot: d.Boot, Image: d.Image})
	}
	return out
}

// image checks where the content of a disk comes from.
func (p *parser) image(path *field.Path, image string) {
	if image == "" {
		return
	}
	if len(image) > maxImage {
		p.errs = append(p.errs, field.TooLong(path, shown(image), maxImage))
		return
	}
	u, err := url.Parse(image)
	printable := !strings.ContainsFunc(image, func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsGraphic(r) || r == ' ' })
	known := slices.ContainsFunc([]string{registryPrefix, "http://", "https://"}, func(p string) bool { return strings.HasPrefix(image, p) })
	if err != nil || !known || u.Host == "" || !printable {
		p.invalid(path, image, "write docker://registry/image:tag, or an http:// or https:// URL")
	}
}

func (p *parser) gpus() []GPU {
	path := specPath.Child("gpus")
	if n := len(p.wukong.Spec.GPUs); n > maxNetworks {
		p.errs = append(p.errs, field.TooMany(path, n, maxNetworks))
		return nil
	}
	var out []GPU
	names := taken{}
	for i, g := range p.wukong.Spec.GPUs {
		at := path.Index(i)
		if len(validation.IsDNS1123Label(g.Name)) > 0 {
			p.invalid(at.Child("name"), g.Name, "use at most 63 lower-case letters, digits and dashes")
		}
		p.unique(at.Child("name"), g.Name, names, "give each GPU of the Wukong its own name")
		if len(validation.IsQualifiedName(g.DeviceName)) > 0 || !strings.Contains(g.DeviceName, "/") {
			p.invalid(at.Child("deviceName"), g.DeviceName, "write the resource that the device plugin offers, such as nvidia.com/TU104GL_Tesla_T4")
		}
		out = append(out, GPU{Name: g.Name, DeviceName: g.DeviceName})
	}
	return out
}

// placement reads where the machine may run.
func (p *parser) placement(m *Machine) {
	ha := p.wukong.Spec.HighAvailability
	if ha == nil {
		return
	}
	path := specPath.Child("highAvailability")
	m.AntiAffinity, m.NodeSelector, m.Tolerations = ha.AntiAffinity, maps.Clone(ha.NodeSelector), slices.Clone(ha.Tolerations)
	for _, key := range slices.Sorted(maps.Keys(ha.NodeSelector)) {
		value := ha.NodeSelector[key]
		if len(validation.IsQualifiedName(key)) > 0 || len(validation.IsValidLabelValue(value)) > 0 {
			p.invalid(path.Child("nodeSelector"), key+"="+value, "write a label of nodes: a key such as example.com/rack and a value of at most 63 letters, digits, dashes, dots and underscores")
		}
	}
	for i, t := range ha.Tolerations {
		if problem := tolerationProblem(t); problem != "" {
			p.invalid(path.Child("tolerations").Index(i), t.Key, problem)
		}
	}
}

// tolerationProblem says what KubeVirt and the API server would refuse in a toleration, or nothing.
func tolerationProblem(t corev1.Toleration) string {
	operators := []corev1.TolerationOperator{"", corev1.TolerationOpEqual, corev1.TolerationOpExists}
	effects := []corev1.TaintEffect{"", corev1.TaintEffectNoSchedule, corev1.TaintEffectPreferNoSchedule, corev1.TaintEffectNoExecute}
	switch {
	case !slices.Contains(operators, t.Operator):
		return "operator is Exists or Equal"
	case !slices.Contains(effects, t.Effect):
		return "effect is NoSchedule, PreferNoSchedule or NoExecute"
	case t.Key == "" && t.Operator != corev1.TolerationOpExists:
		return "without a key, operator must be Exists"
	case t.Key != "" && len(validation.IsQualifiedName(t.Key)) > 0:
		return "key must be that of a taint, such as example.com/dedicated"
	case t.Operator == corev1.TolerationOpExists && t.Value != "":
		return "with operator Exists, value must be empty"
	case len(validation.IsValidLabelValue(t.Value)) > 0:
		return "value must be one of a taint: at most 63 letters, digits, dashes, dots and underscores"
	case t.TolerationSeconds != nil && t.Effect != corev1.TaintEffectNoExecute:
		return "tolerationSeconds needs effect NoExecute"
	}
	return ""
}

// guest reads how the guest is told.
func (p *parser) guest() {
	spec := &p.wukong.Spec
	switch spec.GuestConfig {
	case "", v1alpha1.GuestConfigCloudInit:
	case v1alpha1.GuestConfigManual:
		p.req.Guest = v1alpha1.GuestConfigManual
	default:
		p.errs = append(p.errs, field.NotSupported(specPath.Child("guestConfig"), shown(string(spec.GuestConfig)).(string),
			[]v1alpha1.GuestConfig{v1alpha1.GuestConfigCloudInit, v1alpha1.GuestConfigManual}))
	}
	user, key := p.user(specPath.Child("cloudInitUser")), p.sshKey(specPath.Child("sshKeySecret"))
	why := ""
	switch {
	case p.req.Foreign:
		why = "is not acted on: the machine is managed by somebody else"
	case p.req.Guest == v1alpha1.GuestConfigManual:
		why = "is not acted on: guestConfig Manual delivers nothing to the guest"
	case p.req.Machine == nil:
		why = "is not acted on: without disks no machine is asked for"
	}
	if why == "" {
		p.req.User, p.req.SSHKeySecret = user, key
		return
	}
	if user != nil {
		p.notice(specPath.Child("cloudInitUser"), why)
	}
	if key != "" {
		p.notice(specPath.Child("sshKeySecret"), why)
	}
}

// invisible says whether a character controls, reorders or separates text instead of being part of it.
func invisible(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) }

func (p *parser) sshKey(path *field.Path) string {
	name := p.wukong.Spec.SSHKeySecret
	if name != "" && len(validation.IsDNS1123Subdomain(name)) > 0 {
		p.invalid(path, name, "write the name of a Secret of this namespace")
	}
	return name
}

func (p *parser) user(path *field.Path) *User {
	in := p.wukong.Spec.CloudInitUser
	if in == nil {
		return nil
	}
	if in.Name == "" {
		p.errs = append(p.errs, field.Required(path.Child("name"), "write the login name"))
	}
	for _, f := range []struct{ name, value string }{
		{"name", in.Name}, {"password", in.Password}, {"passwordHash", in.PasswordHash}, {"sudo", in.Sudo}, {"shell", in.Shell},
		{"groups", strings.Join(in.Groups, "")},
	} {
		if strings.ContainsFunc(f.value, invisible) {
			// The value may be a password: it is not repeated.
			p.errs = append(p.errs, &field.Error{Type: field.ErrorTypeInvalid, Field: path.Child(f.name).String(), BadValue: "…",
				Detail: "has a control character, such as a line break: remove it"})
		}
	}
	return &User{Name: in.Name, Password: in.Password, PasswordHash: in.PasswordHash, Sudo: in.Sudo, Shell: in.Shell,
		Groups: slices.Clone(in.Groups), LockPassword: in.LockPasswd}
}
