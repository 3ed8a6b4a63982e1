import { DynamoDBClient, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { Hono } from "hono";
import { createLocalJWKSet, jwtVerify } from "jose";

// The smallest function that verifies tokens, answers HTTP and writes to DynamoDB. `sizes.ts` compares the others with it.
const app = new Hono();
const client = new DynamoDBClient({});

export const handler = { app, client, PutItemCommand, jwtVerify, createLocalJWKSet };
