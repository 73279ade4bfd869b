package cli

import (
	"net/url"
	"os"
	"strings"
)

// pipeline says which build of a CI system this process belongs to, as that
// system's environment has it; nil outside.
func pipeline(env func(string) string) url.Values {
	first := func(names ...string) string {
		for _, n := range names {
			if v := env(n); v != "" {
				return v
			}
		}
		return ""
	}
	v := url.Values{}
	set := func(system, repository, branch, commit, build, address string) {
		for name, value := range map[string]string{
			"ciSystem": system, "ciRepository": withoutUser(repository), "ciBranch": strings.TrimPrefix(branch, "refs/heads/"), "ciCommit": commit, "ciBuild": build, "ciUrl": withoutUser(address),
		} {
			if value != "" {
				v.Set(name, value)
			}
		}
	}
	switch {
	case env("GITHUB_ACTIONS") != "":
		set("github", env("GITHUB_REPOSITORY"), first("GITHUB_HEAD_REF", "GITHUB_REF_NAME"), env("GITHUB_SHA"), env("GITHUB_RUN_NUMBER"),
			env("GITHUB_SERVER_URL")+"/"+env("GITHUB_REPOSITORY")+"/actions/runs/"+env("GITHUB_RUN_ID"))
	case env("GITLAB_CI") != "":
		set("gitlab", env("CI_PROJECT_PATH"), env("CI_COMMIT_REF_NAME"), env("CI_COMMIT_SHA"), first("CI_PIPELINE_IID", "CI_PIPELINE_ID"), first("CI_JOB_URL", "CI_PIPELINE_URL"))
	case env("CIRCLECI") != "":
		set("circleci", strings.Trim(env("CIRCLE_PROJECT_USERNAME")+"/"+env("CIRCLE_PROJECT_REPONAME"), "/"), first("CIRCLE_BRANCH", "CIRCLE_TAG"), env("CIRCLE_SHA1"), env("CIRCLE_BUILD_NUM"), env("CIRCLE_BUILD_URL"))
	case env("TF_BUILD") != "":
		set("azure", env("BUILD_REPOSITORY_NAME"), env("BUILD_SOURCEBRANCH"), env("BUILD_SOURCEVERSION"), env("BUILD_BUILDNUMBER"),
			strings.TrimSuffix(env("SYSTEM_COLLECTIONURI"), "/")+"/"+url.PathEscape(env("SYSTEM_TEAMPROJECT"))+"/_build/results?buildId="+url.QueryEscape(env("BUILD_BUILDID")))
	case env("JENKINS_URL") != "":
		set("jenkins", first("GIT_URL", "JOB_NAME"), first("CHANGE_BRANCH", "BRANCH_NAME", "GIT_BRANCH"), env("GIT_COMMIT"), first("BUILD_TAG", "BUILD_NUMBER"), env("BUILD_URL"))
	case env("CI") == "":
		return nil
	}
	return v
}

// withoutUser takes the name and password out of an address: clones in
// pipelines have tokens there.
func withoutUser(s string) string {
	if u, err := url.Parse(s); err == nil && u.User != nil {
		u.User = nil
		return u.String()
	}
	return s
}

// scanOrigin says where a scan is made: by a person, or by which build.
func scanOrigin() url.Values {
	v := pipeline(os.Getenv)
	if v == nil {
		return url.Values{"source": {"cli"}}
	}
	v.Set("source", "ci")
	return v
}
