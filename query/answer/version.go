package answer

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"novasphere.dev/wukong-network/cmd/version"
)

// Versions are those of this program and of the controllers in a cluster.
type Versions struct {
	metav1.TypeMeta `json:",inline"`
	Client          version.Info `json:"client"`
	// Controllers are the Deployments of the controller, by namespace and name; absent where no cluster answered.
	Controllers []Controller `json:"controllers,omitempty"`
}

// Controller is one Deployment of the controller.
type Controller struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Image is that of its first container, with its tag or digest: what the Deployment asks for.
	Image string `json:"image"`
}

// NewVersions reads the Deployments of the controller.
func NewVersions(client version.Info, deployments []appsv1.Deployment) *Versions {
	v := &Versions{TypeMeta: Report("Versions"), Client: client}
	for i := range deployments {
		c := Controller{Namespace: deployments[i].Namespace, Name: deployments[i].Name}
		if containers := deployments[i].Spec.Template.Spec.Containers; len(containers) > 0 {
			c.Image = containers[0].Image
		}
		v.Controllers = append(v.Controllers, c)
	}
	slices.SortFunc(v.Controllers, func(a, b Controller) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return v
}

// Write prints one line for this program and one per controller.
func (v *Versions) Write(w io.Writer) error {
	text := fmt.Sprintf("kubectl wukong: %s\n", v.Client)
	for _, c := range v.Controllers {
		text += Printable(fmt.Sprintf("controller: %s, Deployment %s/%s", c.Image, c.Namespace, c.Name)) + "\n"
	}
	_, err := io.WriteString(w, text)
	return err
}
