data {
  int<lower=1> N;
  vector[N] earn;
  vector[N] height;
}
transformed data {
  matrix[N, 2] x = append_col(rep_vector(1, N), height);
}
parameters {
  vector[2] beta;
  real<lower=0> sigma;
}
model {
  earn ~ normal_id_glm(x, 0, beta, sigma);
}
