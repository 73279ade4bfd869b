package cli

import (
	"net/url"
	"testing"
)

// TestPipeline: the environment of each CI system, in the names of its
// documentation, becomes the same words.
func TestPipeline(t *testing.T) {
	for system, env := range map[string]map[string]string{
		"github": {"CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "acme/shop", "GITHUB_REF_NAME": "main", "GITHUB_SHA": "c0ffee", "GITHUB_RUN_NUMBER": "17",
			"GITHUB_SERVER_URL": "https://ci.example", "GITHUB_RUN_ID": "99"},
		"gitlab": {"CI": "true", "GITLAB_CI": "true", "CI_PROJECT_PATH": "acme/shop", "CI_COMMIT_REF_NAME": "main", "CI_COMMIT_SHA": "c0ffee", "CI_PIPELINE_IID": "17", "CI_JOB_URL": "https://ci.example/acme/shop/-/jobs/99"},
		"circleci": {"CI": "true", "CIRCLECI": "true", "CIRCLE_PROJECT_USERNAME": "acme", "CIRCLE_PROJECT_REPONAME": "shop", "CIRCLE_BRANCH": "main", "CIRCLE_SHA1": "c0ffee", "CIRCLE_BUILD_NUM": "17",
			"CIRCLE_BUILD_URL": "https://ci.example/gh/acme/shop/17"},
		"azure": {"TF_BUILD": "True", "BUILD_REPOSITORY_NAME": "acme/shop", "BUILD_SOURCEBRANCH": "refs/heads/main", "BUILD_SOURCEVERSION": "c0ffee", "BUILD_BUILDNUMBER": "17",
			"SYSTEM_COLLECTIONURI": "https://ci.example/acme/", "SYSTEM_TEAMPROJECT": "the shop", "BUILD_BUILDID": "99"},
		"jenkins": {"JENKINS_URL": "https://ci.example/", "JOB_NAME": "acme/shop", "BRANCH_NAME": "main", "GIT_COMMIT": "c0ffee", "BUILD_NUMBER": "17", "BUILD_URL": "https://ci.example/job/shop/17/"},
	} {
		v := pipeline(func(name string) string { return env[name] })
		for name, want := range map[string]string{"ciSystem": system, "ciRepository": "acme/shop", "ciBranch": "main", "ciCommit": "c0ffee", "ciBuild": "17"} {
			if got := v.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", system, name, got, want)
			}
		}
		if u, err := url.Parse(v.Get("ciUrl")); err != nil || u.Host != "ci.example" || u.Scheme != "https" {
			t.Errorf("%s: %q, %v", system, v.Get("ciUrl"), err)
		}
	}
	secret := map[string]string{"JENKINS_URL": "x", "GIT_URL": "https://robot:hunter2@git.example/acme/shop.git"}
	if got := pipeline(func(name string) string { return secret[name] }).Get("ciRepository"); got != "https://git.example/acme/shop.git" {
		t.Errorf("repository is %q", got)
	}
	if v := pipeline(func(string) string { return "" }); v != nil {
		t.Errorf("outside of any pipeline: %v", v)
	}
	if v := pipeline(func(name string) string { return map[string]string{"CI": "1"}[name] }); v == nil || len(v) != 0 {
		t.Errorf("a pipeline that is not known: %v", v)
	}
}
