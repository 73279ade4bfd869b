package registries

import (
	"context"
	"errors"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/ecrpublic"
	"github.com/aws/smithy-go"
)

// amazon asks ECR's API:
// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeRepositories.html
type amazon struct {
	c      *connection
	client *ecr.Client
}

func (l *amazon) ready(ctx context.Context) error {
	if l.client != nil {
		return nil
	}
	conf, err := l.c.aws(ctx)
	if err == nil {
		l.client = ecr.NewFromConfig(conf)
	}
	return err
}

func (l *amazon) repositories(ctx context.Context, each func(string) error) error {
	if err := l.ready(ctx); err != nil {
		return err
	}
	pages := ecr.NewDescribeRepositoriesPaginator(l.client, &ecr.DescribeRepositoriesInput{MaxResults: aws.Int32(1000)})
	for n := 0; pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return awsProblem(err)
		}
		for _, r := range page.Repositories {
			if n++; n > maxRepositories {
				return tooMany("repositories", maxRepositories)
			}
			if err := each(aws.ToString(r.RepositoryName)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *amazon) tags(ctx context.Context, repository string, each func(found) error) error {
	if err := l.ready(ctx); err != nil {
		return err
	}
	pages := ecr.NewDescribeImagesPaginator(l.client, &ecr.DescribeImagesInput{
		RepositoryName: &repository, MaxResults: aws.Int32(1000), Filter: &types.DescribeImagesFilter{TagStatus: types.TagStatusTagged},
	})
	for n := 0; pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return awsProblem(err)
		}
		for _, i := range page.ImageDetails {
			if err := eachTag(&n, i.ImageTags, found{digest: aws.ToString(i.ImageDigest), created: aws.ToTime(i.ImagePushedAt)}, each); err != nil {
				return err
			}
		}
	}
	return nil
}

// amazonPublic asks ECR Public's API for the account's own repositories:
// https://docs.aws.amazon.com/AmazonECRPublic/latest/APIReference/API_DescribeRepositories.html
// An image is named ALIAS/REPOSITORY, as its address says.
type amazonPublic struct {
	c      *connection
	client *ecrpublic.Client
	names  map[string]string // by what pulls say
}

func (l *amazonPublic) repositories(ctx context.Context, each func(string) error) error {
	conf, err := l.c.aws(ctx)
	if err != nil {
		return err
	}
	l.client, l.names = ecrpublic.NewFromConfig(conf), map[string]string{}
	pages := ecrpublic.NewDescribeRepositoriesPaginator(l.client, &ecrpublic.DescribeRepositoriesInput{MaxResults: aws.Int32(1000)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return awsProblem(err)
		}
		for _, r := range page.Repositories {
			if len(l.names) >= maxRepositories {
				return tooMany("repositories", maxRepositories)
			}
			uri := aws.ToString(r.RepositoryUri)
			if host := l.c.base.Host + "/"; len(uri) > len(host) && uri[:len(host)] == host {
				uri = uri[len(host):]
			}
			l.names[uri] = aws.ToString(r.RepositoryName)
			if err := each(uri); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *amazonPublic) tags(ctx context.Context, repository string, each func(found) error) error {
	name, own := l.names[repository]
	if !own { // somebody else's, or asked for by name
		return (&v2{c: l.c}).tags(ctx, repository, each)
	}
	pages := ecrpublic.NewDescribeImagesPaginator(l.client, &ecrpublic.DescribeImagesInput{RepositoryName: &name, MaxResults: aws.Int32(1000)})
	for n := 0; pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return awsProblem(err)
		}
		for _, i := range page.ImageDetails {
			if err := eachTag(&n, i.ImageTags, found{digest: aws.ToString(i.ImageDigest), created: aws.ToTime(i.ImagePushedAt)}, each); err != nil {
				return err
			}
		}
	}
	return nil
}

// eachTag tells of one image under each of its tags.
func eachTag(n *int, tags []string, f found, each func(found) error) error {
	for _, f.tag = range tags {
		if *n++; *n > maxTags {
			return tooMany("tags of a repository", maxTags)
		}
		if err := each(f); err != nil {
			return err
		}
	}
	return nil
}

// awsProblem says what an error of Amazon's SDK is about.
func awsProblem(err error) error {
	var api smithy.APIError
	var status *awshttp.ResponseError
	kind := Kind("")
	switch {
	case errors.As(err, &api) && (api.ErrorCode() == "ThrottlingException" || api.ErrorCode() == "TooManyRequestsException"):
		kind = RateLimited
	case errors.As(err, &api) && (api.ErrorCode() == "AccessDeniedException" || api.ErrorCode() == "AccessDenied"):
		kind = Forbidden
	case errors.As(err, &api) && (api.ErrorCode() == "UnrecognizedClientException" || api.ErrorCode() == "InvalidClientTokenId" || api.ErrorCode() == "SignatureDoesNotMatch" || api.ErrorCode() == "ExpiredTokenException"):
		kind = Unauthorized
	case errors.As(err, &api) && api.ErrorCode() == "RepositoryNotFoundException":
		kind = NotFound
	case errors.As(err, &status) && status.HTTPStatusCode() == http.StatusForbidden:
		kind = Forbidden
	default:
		return signInFailed("AWS", err)
	}
	return problem(kind, "AWS: %w", err)
}
