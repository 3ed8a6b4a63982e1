import { DynamoDBClient, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { Hono } from "hono";
import { createLocalJWKSet, jwtVerify } from "jose";

// As little as a function can be that proves tokens, answers HTTP and writes to DynamoDB: what `sizes.ts` compares with.
const app = new Hono();
const client = new DynamoDBClient({});

export const handler = { app, client, PutItemCommand, jwtVerify, createLocalJWKSet };
