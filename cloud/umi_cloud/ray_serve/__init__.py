"""umi on Ray Serve: files to deploy, umi's engines as an OpenAI endpoint there, and its roles behind Serve's own gRPC.

deployment_file     the configuration files of Serve that `umi-cloud ray` writes
envoy_file          ... and Envoy's, for whom Serve's gRPC is too bare
openai_call         a request in OpenAI's words, as an engine takes it, and its answer
openai_application  a Serve application that answers such requests with umi's own engine
grpc_methods        the methods that Serve's gRPC takes in
hosted_call         a call that it took in, as umi's pipeline knows calls
hosted_application  planner and summarizer as Serve applications
"""
